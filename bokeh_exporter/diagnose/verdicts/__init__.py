"""From numbers to a verdict: pure functions over a bounded history."""
