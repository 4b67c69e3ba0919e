"""The console of `oyez connect`: what is typed, what is shown, and the WebSocket in between."""
