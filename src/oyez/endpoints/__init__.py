"""The ways in: each file marries the hub to one wire format."""
