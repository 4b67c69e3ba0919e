"""Who may come in, and how many."""
