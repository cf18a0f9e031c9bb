"""The event loops: ticks, lag, samples, threads, and a watcher that notices when they are blocked."""
