"""How much one peer, or all of them together, may ask for: the settings that every part is held to.

Knows numbers and rates. Must not know what is counted, nor where.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from oyez.access.ip_addresses import networks
from oyez.setting import Setting, rate, seconds

OBSERVABLE = {
    "max_connections_per_address": ("address-connections", "address-sockets"),
    "connects_per_second_per_address": ("address-connects",),
    "commands_per_second_per_connection": ("connection-commands",),
    "commands_per_second_per_address": ("address-commands",),
    "replay_bytes_per_second_per_address": ("address-replay",),
    "auth_failures_per_minute": ("auth-wait",),
}
"""Limits that can be told to count only, each with the reasons that its refusals are counted under."""


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """How much one peer, or all of them together, may ask for."""

    is_live: ClassVar = True

    max_connections: Annotated[
        int, Setting("Listeners connected at once; 0 derives it from the open-file limit.", unit="listeners")
    ] = 0
    max_connections_per_address: Annotated[
        int,
        Setting("Listeners connected at once from one address; 0: half of those that fit.", unit="listeners"),
    ] = 0
    connects_per_second_per_address: Annotated[str, rate("Connects from one address.", "connects")] = "200 burst 4000"
    commands_per_second_per_connection: Annotated[
        str, rate("What one listener may ask for before it has to wait, weighed.", "commands")
    ] = "50 burst 300"
    commands_per_second_per_address: Annotated[
        str, rate("What all listeners of one address may ask for before they have to wait, weighed.", "commands")
    ] = "2000 burst 60000"
    replay_bytes_per_second_per_address: Annotated[
        str, rate("Old events that are sent to one address before the rest has to wait.", "bytes")
    ] = "4194304 burst 33554432"
    exempt_networks: Annotated[
        tuple[str, ...],
        networks("Addresses that may have all there is, such as a site's own machines."),
    ] = ()
    observe: Annotated[
        tuple[str, ...],
        Setting(
            "Limits of this table that only count what they would refuse.",
            valid=OBSERVABLE.__contains__,
            form="names of limits: " + ", ".join(OBSERVABLE),
        ),
    ] = ()
    max_subscriptions: Annotated[int, Setting("Channels in the filter of one listener.", unit="channels", low=1)] = 10
    max_channel_length: Annotated[int, Setting("Length of a channel's name.", unit="UTF-16 units", low=1)] = 100
    max_receiver_message_bytes: Annotated[int, Setting("Size of one message from a listener.", unit="bytes", low=1)] = (
        10_000
    )
    max_sender_message_bytes: Annotated[int, Setting("Size of one message from a back end.", unit="bytes", low=1)] = (
        2**20
    )
    max_unread_polling_bytes: Annotated[
        int, Setting("What all clients of Socket.IO on polling may leave unfetched, together.", unit="bytes", low=2**20)
    ] = 2**26
    max_batch_events: Annotated[int, Setting("Events in one request to publish.", unit="events", low=1)] = 10_000
    max_batch_bytes: Annotated[int, Setting("Size of one request to publish several events.", unit="bytes", low=1)] = (
        2**24
    )
    max_header_bytes: Annotated[int, Setting("Size of the head of an HTTP request.", unit="bytes", low=256)] = 16_384
    header_timeout_s: Annotated[float, seconds("How long the head of a request may take to arrive.")] = 10.0
    body_timeout_s: Annotated[float, seconds("How long the body of a request may take to arrive.")] = 30.0
    auth_failures_per_minute: Annotated[
        int, Setting("Wrong keys from one address before it has to wait.", unit="failures a minute", low=1)
    ] = 10
