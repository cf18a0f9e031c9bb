"""What passes between browsers and the server: HTTP requests, websockets and their bytes."""
