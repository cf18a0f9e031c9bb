"""Memory of the process and its container, and which activity gained it."""
