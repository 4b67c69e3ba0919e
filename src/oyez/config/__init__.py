"""Every setting: what it may be, and where it comes from."""
