"""Proof under faults: real daemons, posters and listeners, and a checker that knows every acknowledged post."""
