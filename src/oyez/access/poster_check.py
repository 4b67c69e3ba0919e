"""The check of a poster's key, the same at every door: a wrong one is noted, and too many end the connection.

Knows who may post and who has failed. Must not know how a door is asked, nor how it answers.
"""

from enum import Enum, auto

from oyez.access.failures import FailedAttempts
from oyez.access.keys import PostPolicy, Verdict, explain_refusal, judge_poster
from oyez.access.peer import Note, Peer


class Admission(Enum):
    """What a door has to do with a poster. The reason of a refusal is the operator's alone."""

    GRANTED = auto()
    REFUSED = auto()  # another try is welcome
    CUT_OFF = auto()  # there were too many from there


class PosterCheck:
    """The check of keys, one for all doors.

    Args:
        policy: who may post.
        failures: counts wrong keys by address.
        note: counts refusals, and logs their reasons for the operator.
    """

    def __init__(self, policy: PostPolicy, failures: FailedAttempts, note: Note) -> None:
        self._policy = policy
        self._failures = failures
        self._note = note

    @property
    def has_key(self) -> bool:
        """Whether there is a key to compare with."""
        return bool(self._policy.key)

    def judge(self, token: object, peer: Peer, failed_before: int = 0, *, local_need_none: bool = False) -> Admission:
        """Judge a poster by the key that it shows.

        Args:
            token: what it shows; None: nothing.
            peer: who it is.
            failed_before: wrong keys on the same connection. Before a right one they are no guesses, and forgotten.
            local_need_none: others on this machine may post without a key where it asks; for the operator.
        """
        verdict = judge_poster(self._policy, token, peer)
        if verdict is Verdict.ALLOWED:
            self._failures.take_back(peer.counted_as, failed_before)
            return Admission.GRANTED
        self._note("auth-failed", explain_refusal(verdict, peer, local_need_none=local_need_none))
        return Admission.CUT_OFF if self._failures.add(peer.counted_as) else Admission.REFUSED
