"""What is seen: hooks count events, a periodic callback samples levels. One subject per file."""
