"""How a process can end, and what to hook a last call into so that it is made.

It must not know what is called. Nothing helps where a signal kills, and no library sets handlers of signals for others:
web servers and Celery turn SIGTERM into an orderly end, and so do the bridges of judge sites.
"""

import atexit
import sys
from collections.abc import Callable

# Their children end by os._exit, past atexit, but run these finalizers before.
_FORKERS = ("multiprocessing.util", "billiard.util")


def call_at_end(call: Callable[[], object]) -> None:
    """Make a call when this process ends in an orderly way, and in what is forked from it: maybe more than once.

    It comes after all calls that others have registered since, so that what they post is there.
    """
    atexit.register(call)


def call_at_end_of_children(call: Callable[[], object]) -> None:
    """Make a call when this process ends, if it is one of those that end past what Python calls at its end.

    Celery and the like are only looked for among the modules that are loaded: what did not load them is not theirs.
    """
    for name in _FORKERS:
        forker = sys.modules.get(name)
        if forker is not None:
            forker.Finalize(None, call, exitpriority=0)
    celery = sys.modules.get("celery.signals")
    if celery is not None:  # the children of its pool run no finalizers either
        celery.worker_process_shutdown.connect(lambda **_: call(), weak=False, dispatch_uid="oyez")
