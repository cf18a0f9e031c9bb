"""What happens now: interactions as they end and one by one, and live sessions."""
