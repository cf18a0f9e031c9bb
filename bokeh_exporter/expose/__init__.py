"""Outputs: what reads the state and hands it to the outside. Nothing here looks at the host."""
