"""What the exporter costs, always as a ratio against the same app without it."""
