"""What `oyez selftest` does: it goes through every door of a running daemon, and judges what it hears there."""
