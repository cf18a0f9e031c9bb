"""Sessions: how they come, how long they stay, how they go."""
