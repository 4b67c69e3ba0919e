"""Sockets: HTTP in, WebSocket frames in and out, Engine.IO sessions over both, and the one clock."""
