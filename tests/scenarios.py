"""What every real client must be served, told once and played by each of them.

A test module inherits `ListenerScenarios`, or all of `ClientScenarios`, and names its clients in a fixture `client`.
Which library a client is, over which transport it speaks: that is not known here.
"""

from collections.abc import Sequence
from typing import Any, Protocol, Self
from uuid import uuid4

from tests.daemon import Daemon
from tests.inbox import Inbox
from tests.proxy import Proxy

Events = list[dict[str, Any]]
SUCCESS = {"status": "success"}


class Session(Protocol):
    """One open client. Its inbox tells `connect`, `transport`, `connect_error` and each event of the server."""

    inbox: Inbox

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


class SpeakingSession(Session, Protocol):
    """One that the test can also speak through; `call` waits for the acknowledgement."""

    def emit(self, event: str, *args: object) -> None: ...
    def call(self, event: str, *args: object) -> Any: ...


class Client(Protocol):
    """One client library with one choice of transports.

    Attributes:
        transport: the one that it ends on.
        keeps_order: False when the library hands events to the application from threads of their own.
    """

    transport: str
    keeps_order: bool

    def open(
        self, url: str, *, role: str = "client", token: str = "", channels: Sequence[str] = (), start: int = 0
    ) -> Session:
        """Connect; with channels, say on every connect the last id known and the channels, as a site's page does."""
        ...


class SpeakingClient(Client, Protocol):
    """One whose sessions the test can speak through."""

    def open(
        self, url: str, *, role: str = "client", token: str = "", channels: Sequence[str] = (), start: int = 0
    ) -> SpeakingSession: ...


def new_channel() -> str:
    return f"sub_{uuid4().hex[:12]}"


class ListenerScenarios:
    """Following channels, whatever happens to the link and to the daemon."""

    def test_catches_up_and_goes_on_live(self, client: Client, daemon: Daemon) -> None:
        one, two = new_channel(), new_channel()
        start = daemon.last()
        expected = daemon.post(one, *range(5)) + daemon.post(two, *range(5))
        with client.open(daemon.url, channels=[one, two], start=start) as session:
            session.inbox.wait("message", 10)
            expected += daemon.back_end.post((one if n % 3 else two, {"n": n, "text": "né ☃"}) for n in range(200))
            assert received(client, session, 210) == expected
            assert session.inbox.of("status") == [SUCCESS, SUCCESS | {"recovered": True}]
            assert session.inbox.of("gap") == []
            session.inbox.wait_until(lambda: session.inbox.of("transport")[-1:] == [client.transport], client.transport)

    def test_misses_nothing_when_the_link_is_cut(self, client: Client, daemon: Daemon, proxy: Proxy) -> None:
        channel = new_channel()
        with client.open(proxy.url, channels=[channel], start=daemon.last()) as session:
            session.inbox.wait("status", 2)
            expected = daemon.post(channel, *range(100))
            proxy.cut()  # with the hundred under way
            expected += daemon.post(channel, *range(100, 200))
            proxy.mend()
            assert received(client, session, 200) == expected
            expected += daemon.post(channel, "live again")
            assert received(client, session, 201) == expected
            # A browser that polls may have asked again so soon that its session never ended: no second status then.
            assert session.inbox.of("status")[-1] == SUCCESS | {"recovered": True}
            assert session.inbox.of("gap") == []

    def test_is_told_of_a_gap_when_too_much_was_missed(self, client: Client, daemon: Daemon, proxy: Proxy) -> None:
        busy, quiet = new_channel(), new_channel()
        with client.open(proxy.url, channels=[busy, quiet], start=daemon.last()) as session:
            session.inbox.wait("status", 2)
            seen = daemon.post(busy, "seen") + daemon.post(quiet, "seen too")
            session.inbox.wait("message", 2)
            proxy.cut()
            kept = daemon.post(busy, *range(300))[-256:] + daemon.post(quiet, "kept")
            proxy.mend()
            assert received(client, session, 2 + 257) == seen + kept
            assert session.inbox.of("status")[-1] == SUCCESS | {"recovered": False}
            assert [(gap["channel"], gap["from"]) for gap in session.inbox.of("gap")] == [(busy, seen[-1]["id"])]
            assert session.inbox.of("gap")[0]["oldest"] == kept[0]["id"]
            if client.keeps_order:
                names = [heard.name for heard in session.inbox.heard() if heard.name in {"status", "gap", "message"}]
                assert names[-260:-256] == ["status", "status", "gap", "message"]

    def test_comes_back_by_itself_after_a_restart(self, client: Client, module_daemon: Daemon) -> None:
        one, two = new_channel(), new_channel()
        with client.open(module_daemon.url, channels=[one, two], start=module_daemon.last()) as session:
            session.inbox.wait("status", 2)
            expected = module_daemon.post(one, "before") + module_daemon.post(two, "before")
            session.inbox.wait("message", 2)
            module_daemon.restart()
            session.inbox.wait("status", 4)
            session.inbox.wait("gap", 2)
            assert session.inbox.of("status")[-1] == SUCCESS | {"recovered": False}  # the memory was the process's
            gaps = {gap["channel"]: gap["from"] for gap in session.inbox.of("gap")}
            assert gaps == dict.fromkeys([one, two], expected[-1]["id"])
            expected += module_daemon.post(one, "after")
            assert received(client, session, 3) == expected


class ClientScenarios(ListenerScenarios):
    """The listeners' scenarios, and those that need a client that the test can speak through."""

    def test_survives_bytes_that_come_one_by_one(self, client: Client, daemon: Daemon, proxy: Proxy) -> None:
        channel = new_channel()
        proxy.bytewise = True
        with client.open(proxy.url, channels=[channel]) as session:
            session.inbox.wait("status", 2)
            expected = daemon.post(channel, *range(20))
            assert received(client, session, 20) == expected
            session.inbox.wait_until(lambda: session.inbox.of("transport")[-1:] == [client.transport], client.transport)

    def test_posts_as_a_sender(self, client: SpeakingClient, daemon: Daemon) -> None:
        channel = new_channel()
        refusal = {"status": "error", "code": "invalid-channel", "message": "Invalid channel"}
        with (
            client.open(daemon.url, channels=[channel]) as follower,
            client.open(daemon.url, role="sender", token=daemon.key) as sender,
        ):
            follower.inbox.wait("status", 2)
            sender.inbox.wait("connect")
            answers = [sender.call("post", {"channel": channel, "message": [None, 1.5]})]
            sender.emit("post", {"channel": channel})
            answers += sender.inbox.wait("post-response")
            assert [answer["status"] for answer in answers] == ["success", "success"]
            first, second = (answer["id"] for answer in answers)
            assert received(client, follower, 2) == [
                {"id": first, "channel": channel, "message": [None, 1.5]},
                {"id": second, "channel": channel},
            ]
            assert sender.call("last-msg")["id"] >= second > first
            sender.emit("last-msg")
            assert sender.inbox.wait("last-response")[0]["status"] == "success"
            assert sender.call("post", {"channel": "", "message": 1}) == refusal
            sender.emit("post", {"channel": "x" * 101})
            assert sender.inbox.wait("error") == [refusal]
            assert sender.inbox.of("message") == []

    def test_is_refused_with_the_wrong_key(self, client: Client, daemon: Daemon) -> None:
        with client.open(daemon.url, role="sender", token="not the key") as session:
            assert session.inbox.wait("connect_error") == ["Authentication failed"]
            assert session.inbox.of("connect") == []

    def test_is_told_what_it_may_not_do(self, client: SpeakingClient, daemon: Daemon) -> None:
        channel = new_channel()
        asked: list[tuple[str, object, str]] = [
            ("post", {"channel": channel, "message": "forged"}, "unauthorized"),
            ("set-filter", {"filter": []}, "invalid-filter"),
            ("set-filter", {"filter": [channel] * 11}, "too-many-subscriptions"),
            ("set-filter", {"filter": [channel, ""]}, "invalid-channel"),
        ]
        with client.open(daemon.url, channels=[channel]) as session:
            session.inbox.wait("status", 2)
            for count, (event, argument, code) in enumerate(asked, 1):
                session.emit(event, argument)
                assert session.inbox.wait("error", count)[-1]["code"] == code
            session.emit("last-msg")
            assert session.inbox.wait("last-response")[0]["id"] > 0
            expected = daemon.post(channel, "still here")
            assert received(client, session, 1) == expected


def received(client: Client, session: Session, count: int) -> Events:
    """Wait for `count` messages; returns all that came, so that a double or a stranger shows."""
    events: Events = session.inbox.wait("message", count)
    return events if client.keeps_order else sorted(events, key=lambda event: event["id"])
