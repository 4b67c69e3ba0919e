"""Oyez for Django sites: `from oyez.django import events`, a template tag, checks, and help for tests.

It must not know the daemon's side; it posts through `oyez.client`, or with pika to RabbitMQ.
"""
