"""Whose code it is: the app, a library, a host, or a leak that is known; and which keys of containers are code."""
