"""Which containers that outlive the sessions have grown between two pictures of the heap."""
