"""The HTTP API: requests of back ends, answered in JSON."""
