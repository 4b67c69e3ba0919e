"""Files that the daemon serves as they are."""
