"""The notices that one daemon knows and that are still of use.

Knows names, ends and bounds. Must not know where they come from, nor what they say.
"""

from oyez.hub.notices import Notice

# Twice what a daemon remembers of revocations, which are some hundred bytes each.
MOST_NOTICES = 200_000
_MOST_BYTES = 32 * 2**20
_BYTES_EACH = 200  # what an empty one costs


class HeldNotices:
    """One of each name: the one that is of use for longest.

    Args:
        most: how many, and how many bytes of them, are held at most.
    """

    def __init__(self, most: tuple[int, int] = (MOST_NOTICES, _MOST_BYTES)) -> None:
        self._most, self._most_bytes = most
        self._held: dict[bytes, Notice] = {}
        self._bytes = 0
        self._first_end = 0  # when there may be one that is of no use any more

    def __len__(self) -> int:
        """Return how many are held."""
        return len(self._held)

    def has_room_for(self, notice: Notice, now_s: int) -> bool:
        """Return whether one more may be held."""
        known = self._held.get(notice.name)
        more = _size(notice) - (0 if known is None else _size(known))
        if self._fits(more, known is None):
            return True
        self._forget(now_s)
        return self._fits(more, notice.name not in self._held)

    def add(self, notice: Notice, now_s: int) -> bool:
        """Hold a notice, if there is room.

        Returns:
            Whether it is held and says anything new: it is not known, nor older than what is, nor of no use any more.
        """
        known = self._held.get(notice.name)
        if notice.until_s < now_s or (known is not None and (known == notice or known.until_s > notice.until_s)):
            return False
        if not self.has_room_for(notice, now_s):
            return False
        known = self._held.pop(notice.name, None)
        self._bytes += _size(notice) - (0 if known is None else _size(known))
        self._first_end = min(self._first_end, notice.until_s) if self._held else notice.until_s
        self._held[notice.name] = notice
        return True

    def all(self, now_s: int) -> list[Notice]:
        """Return all that are of use; what is soon of none comes first."""
        self._forget(now_s)
        return sorted(self._held.values(), key=lambda notice: notice.until_s)

    def _fits(self, more: int, is_one_more: bool) -> bool:
        return len(self._held) + is_one_more <= self._most and self._bytes + more <= self._most_bytes

    def _forget(self, now_s: int) -> None:
        if now_s <= self._first_end:  # else whoever fills it would have all of it looked through each time
            return
        self._held = {name: notice for name, notice in self._held.items() if notice.until_s >= now_s}
        self._bytes = sum(map(_size, self._held.values()))
        self._first_end = min((notice.until_s for notice in self._held.values()), default=0)


def _size(notice: Notice) -> int:
    return len(notice.name) + len(notice.text) + _BYTES_EACH
