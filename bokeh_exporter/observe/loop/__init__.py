"""The event loops: ticks, lag, samples, threads, and a watcher that sees them stand still."""
