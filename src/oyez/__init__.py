"""Oyez, a real-time event daemon: back ends post events to channels, browsers get every one of them."""

__version__ = "0.1.0"
