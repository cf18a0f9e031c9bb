"""What of closed sessions is still in memory: weak references, counted, without a walk of the heap."""
