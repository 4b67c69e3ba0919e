"""Does a worker of gevent post, and go on serving others while a daemon is silent?"""

import json
import socket
import subprocess
import sys
from pathlib import Path

from tests.daemon import KEY, Daemon
from tests.peer import Peer, peers

ROOT = Path(__file__).parent.parent.parent

WORKER = """
from gevent import monkey

monkey.patch_all()

import json
import sys
import time

import gevent
from django.conf import settings
from django.test import override_settings

url, silent, key = sys.argv[1:]
settings.configure(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=url, EVENT_DAEMON_KEY=key)
from oyez.django import events, queue


def post_many():
    greenlets = [gevent.spawn(events.post, "gevent", number) for number in range(50)]
    began = time.monotonic()
    gevent.joinall(greenlets)
    return [greenlet.value for greenlet in greenlets], time.monotonic() - began


def serve_others():
    global served
    while True:
        gevent.sleep(0.01)
        served += 1


ids, _ = post_many()
served = 0
gevent.spawn(serve_others)
queue.DRAIN_S = 0.5
with override_settings(EVENT_DAEMON_URL=silent, EVENT_DAEMON_TIMEOUT=0.5):
    queued, took_s = post_many()
    is_flushed = events.flush(0.1)
print(json.dumps([ids, queued, is_flushed, took_s, served]))
"""


def silence(peer: Peer, connection: socket.socket) -> None:
    peer.stop.wait()


def test_a_worker_of_gevent_posts_and_serves_others_meanwhile(daemon: Daemon) -> None:
    with peers() as start:
        run = subprocess.run(
            [sys.executable, "-c", WORKER, daemon.url, start(silence).url, KEY],
            check=True,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            timeout=60,
        )
    ids, queued, is_flushed, took_s, served = json.loads(run.stdout)
    assert len(set(ids) - {0}) == 50
    assert queued == [-1] * 50
    assert not is_flushed
    assert took_s < 2
    assert served > 5
