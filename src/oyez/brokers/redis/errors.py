"""What went wrong with Redis, and what to do about it, in words for an operator.

Knows the library's errors and Redis's codes. Must not know passwords: what it says is logged and shown.
"""

import re
import ssl

from redis import exceptions

from oyez.brokers.redis.scripts import CHANGED, HIGHEST, OLD
from oyez.brokers.redis.url import RedisUrl
from oyez.errors import BrokerError

_LONGEST_QUOTE = 200

# What Redis says of itself, by the word that its answer begins with: waiting may help, or somebody's hand.
_FULL = {
    "OOM": "its memory is full (maxmemory)",
    "MISCONF": "it cannot write to its disk (MISCONF)",
    "NOREPLICAS": "it has too few replicas (min-replicas-to-write)",
}

# A right that is missing to a command of a script has no code: the words of Redis 7.0, and of newer ones.
_NO_RIGHT_IN_SCRIPT = re.compile("user executing the script can't|ACL failure in script")

_ARGUMENTS = re.compile(r",? with args beginning with:.*", re.DOTALL)  # of AUTH: the password


class StoreChangedError(BrokerError):
    """The stream is another one than before: it was flushed, or another server has taken its place."""

    def __init__(self, words: str) -> None:
        super().__init__(words, temporary=True)


class FullError(BrokerError):
    """Redis takes no posts now; the link is as good as before."""

    def __init__(self, words: str) -> None:
        super().__init__(words, temporary=True)


def explain(error: BaseException, url: RedisUrl, doing: str) -> BrokerError:
    """Return the error of the broker for one of the link's.

    Args:
        error: what was raised.
        url: where.
        doing: what was tried, such as ``connect``.
    """
    error = _unwrap(error)
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return BrokerError(f"Redis at {url.server} cannot be trusted: {_quote(error)}", temporary=True)
    if isinstance(error, exceptions.AuthenticationError):
        return _refused(url)
    if isinstance(error, exceptions.ResponseError):
        return explain_answer(error, url)
    if isinstance(error, TimeoutError | exceptions.TimeoutError):
        return BrokerError(f"Redis at {url.server} gives no answer", temporary=True)
    return BrokerError(f"Redis at {url.server} is lost ({doing}): {_quote(error)}", temporary=True)


def _unwrap(error: BaseException) -> BaseException:
    """Return what the library had in hand when it said that there is no connection, as far as that says more."""
    while type(error) is exceptions.ConnectionError:
        inner = error.__cause__ or error.__context__
        if not isinstance(inner, exceptions.RedisError | ssl.SSLError):
            break
        error = inner
    return error


def explain_answer(error: exceptions.ResponseError, url: RedisUrl) -> BrokerError:
    """Return the error of the broker for a refusal by Redis."""
    text = _quote(error)
    code = text.partition(" ")[0]
    if code == CHANGED:
        return StoreChangedError(f"Redis at {url.server} has begun anew: {text}")
    if isinstance(error, exceptions.OutOfMemoryError):  # the library takes the code off some texts
        code = "OOM"
    for word, words in _FULL.items():
        if code == word:
            return FullError(f"Redis at {url.server} takes no posts: {words}")
    if code == OLD:
        return BrokerError(f"Redis 7 or newer is needed; that at {url.server} is older", temporary=False)
    if code == HIGHEST:
        key = f"{{{url.name}}}:events"
        return FullError(
            f"Redis at {url.server} takes no posts: the highest id is taken, by an entry that no daemon wrote; delete"
            f" the key {key} (listeners are told of a gap)"
        )
    if code in {"MOVED", "ASK", "CROSSSLOT"}:
        return BrokerError(
            f"Redis at {url.server} is part of a cluster, which is not supported: {text}", temporary=True
        )
    if isinstance(error, exceptions.AuthenticationError) or code in {"NOAUTH", "WRONGPASS"}:
        return _refused(url)
    if isinstance(error, exceptions.NoPermissionError) or code == "NOPERM" or _NO_RIGHT_IN_SCRIPT.search(text):
        return BrokerError(f"Redis at {url.server} does not let the user do what is needed: {text}", temporary=False)
    if "WRONGTYPE" in text:
        keys = f"{{{url.name}}}:events and {{{url.name}}}:epoch"
        return BrokerError(
            f"Redis at {url.server} has {keys} for something else: name others (?name=…)", temporary=False
        )
    return BrokerError(f"Redis at {url.server} refuses: {text}", temporary=True)


def _refused(url: RedisUrl) -> BrokerError:
    return BrokerError(
        f"Redis at {url.server} refuses the user {url.user or 'default'!r} or the password", temporary=False
    )


def _quote(error: BaseException) -> str:
    text = _ARGUMENTS.sub("", str(error)) or type(error).__name__
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
