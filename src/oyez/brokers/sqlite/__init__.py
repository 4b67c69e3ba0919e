"""Events in one SQLite file."""
