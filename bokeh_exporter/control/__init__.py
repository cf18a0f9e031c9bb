"""What acts on the process: trim, collections, SIGTERM, drain. Each is handed what it needs."""
