"""What a national contest's judge posts at its peak, and who follows it, as the load generator reads it.

Twenty submissions a second are judged, each for two seconds. Each has a channel with 1.2 watchers, and posts there when
it is taken up, when grading begins, for eight groups of test cases, perhaps for compiler warnings, and at its end; 750
follow the contest's ranking, which is told of each end. Where problems are public, 250 follow the list of all
submissions, which gets a twin of each post but the warnings.

Knows numbers. Must not know sockets.
"""

from dataclasses import dataclass
from pathlib import Path

SUBMISSIONS_PER_S = 20
GRADING_S = 2.0
LIST, RANKING, FIRST_SUBMISSION = 0, 1, 2  # channels
LIST_FOLLOWERS, RANKING_FOLLOWERS, SUBMISSION_CHANNELS = 250, 750, 1666
STEP = 8  # from one submission's channel to that of the next, so that all kinds of channels are met
FILLING = {LIST: 110, RANKING: 0}  # bytes, beside some thirty of each message
SUBMISSION_FILLING = 0


@dataclass(frozen=True)
class Mix:
    """The files' names, and how many listeners there are."""

    follow: Path
    plan: Path
    listeners: int


def write_mix(folder: Path, seconds: float, *, public: bool, crowd: float = 1.0) -> Mix:
    """Write who follows what and what is posted, for a contest with public or private problems.

    `crowd` is how much of the followers there is.
    """
    follow, plan = folder / "follow.txt", folder / "plan.txt"
    followed = _followed(crowd)
    follow.write_text("".join(f"{channel}\n" for channel in followed), "utf-8")
    posts = sorted(_posts(seconds, public=public))
    plan.write_text(
        "".join(f"{at_s:.4f} {channel} {FILLING.get(channel, SUBMISSION_FILLING)}\n" for at_s, channel in posts),
        "utf-8",
    )
    return Mix(follow, plan, len(followed))


def _followed(crowd: float) -> list[int]:
    submissions = range(FIRST_SUBMISSION, FIRST_SUBMISSION + SUBMISSION_CHANNELS)
    again = submissions[::5]  # a fifth has a second watcher
    rest = [*submissions, *again]
    return (
        [LIST] * int(LIST_FOLLOWERS * crowd)
        + [RANKING] * int(RANKING_FOLLOWERS * crowd)
        + rest[: int(len(rest) * crowd)]
    )


def _posts(seconds: float, *, public: bool) -> list[tuple[float, int]]:
    """Return seconds and channel of each post."""
    posts = []
    for number in range(int(seconds * SUBMISSIONS_PER_S)):
        began = number / SUBMISSIONS_PER_S
        channel = FIRST_SUBMISSION + number * STEP % SUBMISSION_CHANNELS
        moments = [0.0, 0.1, *(0.2 + 0.22 * group for group in range(8)), GRADING_S]
        for moment in moments:
            posts.append((began + moment, channel))
            if public:
                posts.append((began + moment + 0.001, LIST))
        if number % 2:
            posts.append((began + 0.05, channel))
        posts.append((began + GRADING_S + 0.002, RANKING))
    return posts
