"""Engine.IO: sessions over polls and WebSockets."""
