"""Groups that a slice of the fan-out had no time for, each with what is due to it.

Knows groups, and the order in which they go on. Must not know time, positions, nor how a group is written to.

A group is here once, however much becomes due to it meanwhile: so what waits is bounded by the audience and by history,
a group is never written to by two at a time, and all that it gets stays in the order of ids.
"""

from collections.abc import Iterator

from oyez.hub.publication import EventId, Publication
from oyez.hub.subscriber import Group

_Publications = list[Publication]


class Begun:
    """A group that takes more than one slice.

    Attributes:
        group: whose members are written to.
        publications: what is being written.
        more: what became due since that began; it grows meanwhile.
        steps: what is left of it, one step a slice; None: it is not begun.
    """

    __slots__ = ("group", "more", "publications", "steps")

    def __init__(
        self, group: Group, publications: _Publications, more: _Publications, steps: Iterator[None] | None
    ) -> None:
        self.group = group
        self.publications = publications
        self.more = more
        self.steps = steps


class WaitingGroups:
    """Two lines: of small groups, which are served one after the other, and of large ones, which take turns."""

    def __init__(self) -> None:
        self._small: dict[Group, _Publications] = {}
        self._large: dict[Group, Begun] = {}
        self._is_turn_of_large = False

    def __bool__(self) -> bool:
        return bool(self._small or self._large)

    def __contains__(self, group: Group) -> bool:
        return group in self._small or group in self._large

    def oldest_due(self, group: Group | None) -> EventId | None:
        """Return the oldest id that is due to a group, or None if it does not wait; for no group, the oldest of all."""
        if group is None:
            due = [begun.publications for begun in self._large.values()] + list(self._small.values())
            return min((publications[0].id for publications in due), default=None)
        if (begun := self._large.get(group)) is not None:
            return begun.publications[0].id
        publications = self._small.get(group)
        return None if publications is None else publications[0].id

    def join(self, group: Group, publications: _Publications) -> bool:
        """Add to what is due to a group, if it waits; return whether it does."""
        if (begun := self._large.get(group)) is not None:
            begun.more += publications
        elif (earlier := self._small.get(group)) is not None:
            earlier += publications
        else:
            return False
        return True

    def add_small(self, group: Group, publications: _Publications) -> None:
        """Let a group that does not wait yet do so."""
        self._small[group] = publications

    def add_large(
        self, group: Group, publications: _Publications, more: _Publications, steps: Iterator[None] | None = None
    ) -> None:
        """Let a group that does not wait yet take turns with other large ones.

        Args:
            group: a large one, or one that has begun and needs another slice.
            publications: what is due to it.
            more: an empty list, for what becomes due since it has begun.
            steps: what is left of writing that, if it has begun.
        """
        self._large[group] = Begun(group, publications, more, steps)

    def take_small(self) -> Iterator[tuple[Group, _Publications]]:
        """Take the small groups out, the one that has waited longest first."""
        while self._small:
            group = next(iter(self._small))
            yield group, self._small.pop(group)

    def next_large(self) -> Begun | None:
        """Return the large group that goes on now, which stays in its line; None: small ones do, or nobody waits."""
        if not self._large or (self._small and not self._is_turn_of_large):
            return None
        return next(iter(self._large.values()))

    def end_turn(self, begun: Begun, *, finished: bool) -> None:
        """Put a large group at the end of its line, or take it out if nothing more is due to it."""
        del self._large[begun.group]
        if finished:
            if not begun.more:
                return
            begun = Begun(begun.group, begun.more, [], None)
        self._large[begun.group] = begun

    def end_slice(self) -> None:
        """Let the other line begin in the next slice."""
        self._is_turn_of_large = not self._is_turn_of_large

    def clear(self) -> None:
        """Forget what is due: everybody goes on from history."""
        self._small.clear()
        self._large.clear()
