"""Processes of a site that post while the daemon is away, and end in the ways that such processes end.

`python -m tests.django.ending WAY URL FOLDER` prints what its post returned, and ends when a line comes or at SIGTERM.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable

from celery import Celery
from django.conf import settings

from tests.daemon import KEY

_NEVER_S = 600.0  # so that nothing but the process's end lets an event be tried again

way, url, folder = sys.argv[1:4]
settings.configure(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=url, EVENT_DAEMON_KEY=KEY)

from oyez.django import events, queue, wiring  # noqa: E402 - the settings come first

vars(queue)["FIRST_PAUSE_S"] = _NEVER_S
wiring.drain_for(20.0)

app = Celery(broker="filesystem://", task_ignore_result=True)
app.conf.broker_transport_options = {
    "data_folder_in": folder, "data_folder_out": folder, "control_folder": f"{folder}/control",
}  # fmt: skip


def post() -> None:
    """Post, and tell what became of it."""
    print(events.post("ending", way), flush=True)


def post_in_task() -> None:
    """Post in a child of Celery's pool, which writes to the standard output as it is."""
    os.write(1, b"%d\n" % events.post("ending", way))


app.task(post_in_task, name="post")


def end_on_line() -> None:
    """End as any program does."""
    post()
    sys.stdin.readline()


def end_on_signal() -> None:
    """End as a web server's worker and a judge's bridge do: SIGTERM becomes an orderly end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    post()
    signal.pause()


def end_as_child() -> None:
    """Let a child of `multiprocessing` post, and end while this process waits for it."""
    go_on = multiprocessing.get_context("fork").Event()

    def run() -> None:
        post()
        go_on.wait()

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    sys.stdin.readline()
    go_on.set()
    child.join()


def end_in_celery() -> None:
    """Let a worker of Celery post in its pool, and end at SIGTERM."""
    app.send_task("post")
    app.worker_main(
        ["worker", "--pool", "prefork", "-c", "1", "--without-gossip", "--without-mingle", "--without-heartbeat",
         "--loglevel", "ERROR"]
    )  # fmt: skip


WAYS: dict[str, Callable[[], None]] = {
    "a line": end_on_line,
    "a signal": end_on_signal,
    "a child": end_as_child,
    "Celery": end_in_celery,
}

if __name__ == "__main__":
    WAYS[way]()
