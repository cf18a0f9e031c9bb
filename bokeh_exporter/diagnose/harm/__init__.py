"""What harms users and is not memory: judged from the same history as the verdict, and said beside it."""
