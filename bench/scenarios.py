"""The ways in which servers are loaded, as tables.

Knows options of the load generator. Must not know how a server is run, or what is wanted of it (bars.py).
"""

from dataclasses import dataclass, replace

from bench.servers import Options


@dataclass(frozen=True)
class Scenario:
    """One way to load servers: `options` of the load generator, and the figures that are shown of what it prints.

    `about` is the figure that tells who is best.
    """

    name: str
    title: str
    options: Options
    servers: tuple[str, ...]
    figures: tuple[str, ...]
    about: str
    kind: str = "load"  # or "start", "mix-private", "mix-public"


@dataclass(frozen=True)
class Figure:
    """How a figure is shown."""

    heading: str
    digits: int = 0
    factor: float = 1.0
    more_is_better: bool = False


FIGURES = {
    "connect_s": Figure("connect, s", 2),
    "storm_s": Figure("all back after, s", 2),
    "start_ms": Figure("start, ms"),
    "kb_per_connection": Figure("KB per connection", 1),
    "deliveries_per_s": Figure("deliveries a second", more_is_better=True),
    "posts_per_s": Figure("events a second", more_is_better=True),
    "us_cpu_per_delivery": Figure("µs of CPU per delivery", 2),
    "us_cpu_per_post": Figure("µs of CPU per event", 1),
    "cpu_ms_per_s": Figure("CPU, ms a second", 1),
    "mb_grown": Figure("memory, MB more", 1),
    "p50_ms": Figure("p50, ms", 1),
    "p99_ms": Figure("p99, ms", 1),
    "ask_p50_ms": Figure("last-msg p50, ms", 1),
    "ask_p99_ms": Figure("p99, ms", 1),
    "ask_p999_ms": Figure("p99.9, ms", 1),
}


def _options(text: str) -> Options:
    return tuple(text.split())


WEBSOCKET_SERVERS = (
    *("floor", "Oyez", "Oyez, raw", "NATS", "socketioxide", "picows", "websockets", "Centrifugo", "Nchan"),
    *("Node socket.io", "Node ws", "python-socketio", "Channels, Daphne"),
)

SCENARIOS = (
    Scenario(
        "burst",
        "Burst: 5,000 listeners on one channel, 32 posts under way",
        _options("--listeners 5000 --posts 200 --in-flight 32"),
        (*WEBSOCKET_SERVERS, "Oyez, stream", "Nchan, stream", "Mercure"),
        ("connect_s", "kb_per_connection", "deliveries_per_s", "us_cpu_per_delivery"),
        about="deliveries_per_s",
    ),
    Scenario(
        "channels",
        "1,000 channels with one listener each, 64 posts under way",
        _options("--listeners 1000 --channels 1000 --posts 20000 --in-flight 64"),
        (*WEBSOCKET_SERVERS, "Oyez, sqlite://", "Mercure"),
        ("posts_per_s", "us_cpu_per_post", "p99_ms"),
        about="posts_per_s",
    ),
    Scenario(
        "http",
        "Posts by HTTP, one event a request: 16 connections that stay open, 1,000 channels with one listener each",
        _options("--listeners 1000 --channels 1000 --posts 10000 --in-flight 16"),
        ("Oyez, HTTP", "Oyez, HTTP, sqlite://", "Centrifugo, HTTP", "Nchan", "Mercure"),
        ("posts_per_s", "us_cpu_per_post", "p99_ms"),
        about="posts_per_s",
    ),
    Scenario(
        "batches",
        "Posts by HTTP, 100 events a request: 4 connections, 1,000 channels with one listener each",
        _options("--listeners 1000 --channels 1000 --posts 50000 --in-flight 4"),
        ("Oyez, batches", "Oyez, batches, sqlite://", "Centrifugo, batches"),
        ("posts_per_s", "us_cpu_per_post", "p99_ms"),
        about="posts_per_s",
    ),
    Scenario(
        "paced",
        "Paced: 5,000 listeners on one channel, 20 posts a second",
        _options("--listeners 5000 --posts 100 --in-flight 1 --rate 20"),
        (
            *("floor", "Oyez", "Oyez, raw", "NATS", "socketioxide", "picows", "websockets", "Centrifugo", "Nchan"),
            *("Node socket.io", "Node ws", "Mercure"),
        ),
        ("deliveries_per_s", "us_cpu_per_delivery", "p50_ms", "p99_ms"),
        about="p99_ms",
    ),
    Scenario(
        "storm",
        "Storm: 3,000 listeners are dropped at once, and all come back at once",
        _options("--listeners 3000 --storm 1 --posts 5 --in-flight 1"),
        (
            "floor",
            "Oyez",
            "NATS",
            "socketioxide",
            "Centrifugo",
            "Nchan",
            "Mercure",
            "Node socket.io",
            "python-socketio",
        ),
        ("storm_s",),
        about="storm_s",
    ),
    Scenario(
        "stalled",
        "5 % of 300 listeners stop reading; 100 posts of 2 KB a second for 10 s",
        _options("--listeners 300 --stalled-percent 5 --payload 2000 --posts 1000 --rate 100 --in-flight 16"),
        ("Oyez", "Oyez, sqlite://", "NATS", "socketioxide", "Centrifugo", "Nchan", "Node socket.io"),
        ("p50_ms", "p99_ms", "mb_grown"),
        about="p99_ms",
    ),
    Scenario(
        "last-msg",
        "70 posters ask for the last id, 640 times a second in all, while 10,000 listeners get 8 events a second",
        _options("--listeners 10000 --posters 70 --ask-rate 640 --posts 80 --rate 8 --in-flight 70"),
        ("Oyez", "Oyez, sqlite://", "socketioxide", "Node socket.io"),
        ("ask_p50_ms", "ask_p99_ms", "ask_p999_ms"),
        about="ask_p999_ms",
    ),
    Scenario(
        "idle",
        "1,000 listeners without any event, from the middle of one ping interval of Oyez to the middle of the next",
        _options("--listeners 1000 --settle 13 --idle 26"),
        ("Oyez", "Oyez, sqlite://", "NATS", "Centrifugo", "Nchan", "Node socket.io", "Mercure"),
        ("cpu_ms_per_s",),
        about="cpu_ms_per_s",
    ),
    Scenario(
        "start",
        "From the start of the process until it accepts a connection",
        (),
        (
            *("Oyez", "Oyez, sqlite://", "NATS", "socketioxide", "Centrifugo", "Nchan", "Mercure", "Node socket.io"),
            *("python-socketio", "websockets", "picows", "Channels, Daphne"),
        ),
        ("start_ms",),
        about="start_ms",
        kind="start",
    ),
    Scenario(
        "judge, private",
        "A national contest with private problems at its peak: 250 posts and 15,000 deliveries a second",
        _options("--posters 70 --in-flight 70 --ask-rate 160 --visit-rate 25"),
        ("Oyez", "Oyez, sqlite://", "socketioxide", "Node socket.io"),
        ("cpu_ms_per_s", "p50_ms", "p99_ms", "ask_p999_ms"),
        about="cpu_ms_per_s",
        kind="mix-private",
    ),
    Scenario(
        "judge, public",
        "The same with public problems: 470 posts and 70,000 deliveries a second",
        _options("--posters 70 --in-flight 70 --ask-rate 160 --visit-rate 25"),
        ("Oyez", "Oyez, sqlite://", "socketioxide", "Node socket.io"),
        ("cpu_ms_per_s", "p50_ms", "p99_ms", "ask_p999_ms"),
        about="cpu_ms_per_s",
        kind="mix-public",
    ),
)

MIX_S = 10.0

_SMALL = {
    "--listeners": "50",
    "--channels": "50",
    "--posts": "20",
    "--posters": "4",
    "--rate": "100",
    "--idle": "0.2",
    "--settle": "0.1",
}
SHORT_MIX_S, SHORT_CROWD = 0.2, 0.02


def shortened(scenario: Scenario) -> Scenario:
    """Return the scenario with a hundredth of its load, which shows that it works and measures nothing."""
    words = scenario.options
    return replace(scenario, options=tuple(_SMALL.get(words[place - 1], word) for place, word in enumerate(words)))
