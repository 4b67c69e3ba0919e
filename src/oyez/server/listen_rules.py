"""What the rules for channels put between listeners and the hub: made, changed and taken away as the rules are.

Knows which rules need which part. Must not know what the parts do, nor when rules are read.
"""

import asyncio
import time

from oyez.access.listen_policy import ListenPolicy, make_signers, needs_policy
from oyez.access.rules import Rules
from oyez.access.settings import COUNT
from oyez.config.tree import Settings
from oyez.endpoints.context import DoorContext
from oyez.endpoints.gate import Gate
from oyez.endpoints.presence import Presence
from oyez.hub.notices import KeptNotices

# To hold a listener to other rules costs some 20 us if it loses a channel by them: so many hold the loop up for
# milliseconds.
_CHECKED_AT_ONCE = 200


class ListenRules:
    """The gate, and the counts that listeners are told.

    Args:
        context: where doors find either; None there: no rule needs it.
        notices: of the store.
    """

    def __init__(self, context: DoorContext, notices: KeptNotices) -> None:
        self._context = context
        self._notices = notices
        self._gate: Gate | None = None
        self._presence: Presence | None = None
        self._are_all_checked = False

    def change(self, settings: Settings) -> None:
        """Let the rules and keys of these settings count for whoever comes from now on."""
        self._are_all_checked = False
        self._change_gate(settings)
        self._change_presence(settings)

    async def check_all(self) -> None:
        """Hold those who listen already to the rules too: some at a time, and the others go on meanwhile.

        Nobody is looked at if all were since the last change. Whoever cannot be judged is cut off, and judged as it
        comes back.
        """
        gate, hub = self._gate, self._context.hub
        for number, member in enumerate([] if gate is None or self._are_all_checked else hub.members(), 1):
            assert gate is not None
            try:
                gate.check_again(member)
            except Exception:  # noqa: BLE001 - it is logged
                hub.cut_off(member)
            if number % _CHECKED_AT_ONCE == 0:
                await asyncio.sleep(0)
        self._are_all_checked = True

    def _change_gate(self, settings: Settings) -> None:
        is_needed = needs_policy(settings.channels)
        signers = make_signers(settings.key, settings.keys)
        if self._gate is not None:
            self._gate.change_policy(ListenPolicy(settings.channels, signers, self._gate.revocations))
        elif is_needed:
            policy = ListenPolicy(settings.channels, signers)
            self._gate = Gate(policy, time.time, self._context.hub, self._context.ticker, self._notices)
        self._context.gate = self._gate if is_needed else None

    def _change_presence(self, settings: Settings) -> None:
        rules = Rules(settings.channels)

        def is_counted(channel: str) -> bool:
            return rules.find(channel).presence == COUNT

        is_needed = any(rule.presence == COUNT for rule in settings.channels)
        if self._presence is not None:
            self._presence.change_rules(is_counted)
        elif is_needed:
            self._presence = Presence(self._context.hub.listeners, is_counted, self._context.ticker)
        self._context.presence = self._presence if is_needed else None
