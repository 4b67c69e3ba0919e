"""Does what a rule takes out of messages never come to anybody, by whichever door it was posted or is asked for?"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.amqp import SitePoster
from tests.api import history
from tests.conftest import StartDaemon
from tests.contract.posters import POSTERS
from tests.daemon import Daemon
from tests.integration.dialects import POST_LISTENER, RawListener
from tests.integration.links import SUCCESS, Sender, listen
from tests.rabbitmq import RabbitMQ
from tests.sqlite_store import NAME, query

RULES = [
    {"match": "contest_open", "history_size": 9},
    {"match": "contest_*", "strip": ["/points", "/total", "/image"]},
]
STATE = {"id": 7, "points": 5, "time": 0.016, "total": 10, "of": {"points": 5}}
STRIPPED = {"id": 7, "time": 0.016, "of": {"points": 5}}


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Path]]:
    folder = tmp_path_factory.mktemp("ruled")
    with Daemon(
        folder, "--broker", f"sqlite://{folder / NAME}", settings={**POST_LISTENER, "channels": RULES}
    ) as daemon:
        yield daemon, folder / NAME


def kept(file: Path, channel: str) -> list[str | None]:
    return [message for (message,) in query(file, f"SELECT message FROM events WHERE channel = '{channel}'")]


@pytest.mark.parametrize("door", POSTERS)
def test_it_leaves_at_every_door(ruled: tuple[Daemon, Path], door: str) -> None:
    daemon, file = ruled
    channel = f"contest_{list(POSTERS).index(door)}"
    with listen(daemon.port, channel) as page, RawListener(daemon.port, channel) as raw:
        assert page.receive() == SUCCESS
        with POSTERS[door](daemon) as poster:
            posted = poster.post(channel, STATE, [STATE], 5)
        expected = [
            {**event, "message": message} for event, message in zip(posted, [STRIPPED, [STATE], 5], strict=True)
        ]
        assert page.messages(3) == raw.events(3) == expected
    assert history(daemon, channel)["events"] == expected
    assert kept(file, channel) == [json.dumps(STRIPPED), json.dumps([STATE]), "5"]


def test_the_first_rule_that_fits_counts_and_other_channels_lose_nothing(ruled: tuple[Daemon, Path]) -> None:
    daemon, file = ruled
    for channel in ("contest_open", "news"):
        daemon.post(channel, STATE)
        assert [json.loads(message or "") for message in kept(file, channel)] == [STATE]


def test_the_bytes_of_a_placeholder_leave_with_it(ruled: tuple[Daemon, Path]) -> None:
    daemon, _ = ruled
    post = {"_placeholder": True, "num": 0}, {"_placeholder": True, "num": 1}
    with listen(daemon.port, "contest_bytes") as page, Sender(daemon.port) as sender:
        assert page.receive() == SUCCESS
        for message in ({"image": post[0], "text": post[1]}, {"text": post[0], "image": post[1]}):
            body = json.dumps(["post", {"channel": "contest_bytes", "message": message}])
            sender.send(f"452-1{body}")
            sender.send(b"first")
            sender.send(b"second")
            assert "success" in str(sender.receive())
        assert str(page.receive()).startswith("452-")
        assert [page.receive(), page.receive()] == [b"", b"second"]
        assert str(page.receive()).startswith("451-")
        assert page.receive() == b"first"
        page.check_nothing_more()


def test_what_the_file_has_from_before_the_rule_loses_it_when_it_is_read_back(
    start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon("--broker", f"sqlite://{tmp_path / NAME}")
    daemon.post("contest_1", STATE)
    daemon.stop()
    again = start_daemon("--broker", f"sqlite://{tmp_path / NAME}", settings={"channels": RULES})
    assert [event["message"] for event in history(again, "contest_1")["events"]] == [STRIPPED]


def test_what_others_publish_to_an_exchange_loses_it(rabbitmq: RabbitMQ, start_daemon: StartDaemon) -> None:
    rabbitmq.declare("stripped")
    daemon = start_daemon("--broker", rabbitmq.url("stripped"), settings={"channels": RULES})
    with listen(daemon.port, "contest_1") as page, SitePoster(rabbitmq.connect(), "stripped") as site:
        assert page.receive() == SUCCESS
        site.post("contest_1", STATE)
        assert [event["message"] for event in page.messages(1)] == [STRIPPED]
        daemon.post("contest_1", STATE)
        assert [event["message"] for event in page.messages(1)] == [STRIPPED]
