"""Does a worker of gevent or eventlet post and listen, and go on serving others while a daemon is silent?"""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon import KEY, Daemon
from tests.peer import Peer, peers

ROOT = Path(__file__).parent.parent.parent

KINDS = {
    "gevent": """
from gevent import joinall, monkey, sleep, spawn

monkey.patch_all()
""",
    "eventlet": """
import eventlet

eventlet.monkey_patch()
from eventlet import sleep, spawn


def joinall(threads):
    for thread in threads:
        thread.value = thread.wait()
""",
}

WORKER = """
import json
import sys
import time

from django.conf import settings
from django.test import override_settings

url, silent, key, channel = sys.argv[1:]
settings.configure(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=url, EVENT_DAEMON_KEY=key)
from oyez.client import listen
from oyez.django import events, wiring


def hear(page):
    for event in page:
        heard.append(event.message)


def post_many():
    greenlets = [spawn(events.post, channel, number) for number in range(50)]
    began = time.monotonic()
    joinall(greenlets)
    return [greenlet.value for greenlet in greenlets], time.monotonic() - began


def serve_others():
    global served
    while True:
        sleep(0.01)
        served += 1


heard = []
page = listen(url, channel, events.last())
page.open()
listener = spawn(hear, page)
ids, _ = post_many()
while len(heard) < 50:
    sleep(0.01)
page.close()  # while the other waits for more
joinall([listener])
served = 0
spawn(serve_others)
wiring.drain_for(0.5)
with override_settings(EVENT_DAEMON_URL=silent, EVENT_DAEMON_TIMEOUT=0.5):
    queued, took_s = post_many()
    is_flushed = events.flush(0.1)
print(json.dumps([heard, ids, queued, is_flushed, took_s, served]))
"""


def silence(peer: Peer, connection: socket.socket) -> None:
    peer.stop.wait()


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_posts_and_listens_and_serves_others_meanwhile(daemon: Daemon, kind: str) -> None:
    with peers() as start:
        run = subprocess.run(
            [sys.executable, "-c", KINDS[kind] + WORKER, daemon.url, start(silence).url, KEY, kind],
            check=True,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            timeout=60,
        )
    heard, ids, queued, is_flushed, took_s, served = json.loads(run.stdout)
    assert sorted(heard) == list(range(50))
    assert len(set(ids) - {0}) == 50
    assert min(ids) > 0
    assert queued == [-1] * 50
    assert not is_flushed
    assert took_s < 10, "they waited one after the other"
    assert served > 5
