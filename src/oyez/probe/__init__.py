"""A server as it is met from outside, whoever it is: where it is, how to ask it, and how that fails."""
