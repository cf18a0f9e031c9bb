"""Who holds it: pictures of the heap, searched for paths from roots to leaked objects."""
