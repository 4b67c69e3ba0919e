"""Channels: their recent history, who listens, and the one road from broker to listener. Knows no protocol."""
