"""WebSockets after their handshake: frames in and out, and the closing handshake."""
