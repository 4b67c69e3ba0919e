"""Does a daemon on RabbitMQ show its listeners what sites publish there, and tell them when it cannot know?"""

import json
import subprocess
import sys
import textwrap

from tests.amqp import SitePoster, now_us
from tests.api import call
from tests.conftest import StartDaemon
from tests.integration.dialects import RECOVERED, RawListener
from tests.integration.links import SUCCESS, eventually, listen, metrics
from tests.pages import snippets
from tests.proxy import Proxy
from tests.rabbitmq import RabbitMQ
from tests.sandbox import environment


def test_pages_see_what_sites_publish_and_learn_of_an_outage(
    rabbitmq: RabbitMQ, server: Proxy, start_daemon: StartDaemon
) -> None:
    rabbitmq.declare("ws")
    port = server.port
    daemon = start_daemon("--broker", rabbitmq.url("ws", "&heartbeat=0", port=port))
    with (
        listen(daemon.port, "sub_1") as page,
        RawListener(daemon.port, "sub_1") as raw,
        SitePoster(rabbitmq.connect(), "ws") as lqdoj,
        SitePoster(rabbitmq.connect(), "ws", "") as dmoj,
    ):
        assert page.receive() == SUCCESS
        events = [
            {
                "id": lqdoj.post("sub_1", {"type": "compile-error"}),
                "channel": "sub_1",
                "message": {"type": "compile-error"},
            }
        ]
        assert page.messages(1) == raw.events(1) == events
        events = [{"id": dmoj.post("sub_1", 2), "channel": "sub_1", "message": 2}]
        assert page.messages(1) == raw.events(1) == events
        lqdoj.publish(b"no event")
        events = daemon.post("sub_1", "of the daemon's own")
        assert page.messages(1) == raw.events(1) == events
        assert metrics(daemon.port)["oyez_broker_up"] == 1
        assert metrics(daemon.port)['oyez_refusals_total{reason="bad-record"}'] == 1

        server.cut()
        eventually(lambda: metrics(daemon.port)["oyez_broker_up"] == 0, "notice of the outage")
        refused = call(daemon, "POST", "publish", {"channel": "sub_1", "message": "refused"})
        assert refused.error == (503, "unavailable")
        lqdoj.post("sub_1", "unseen")
        server.mend()
        eventually(lambda: metrics(daemon.port)["oyez_broker_up"] == 1, "recovery")
        name, gap = page.event()
        assert (name, gap["channel"]) == ("gap", "sub_1")
        events = [{"id": lqdoj.post("sub_1", "after"), "channel": "sub_1", "message": "after"}]
        assert page.messages(1) == raw.events(1) == events
    assert "guest:guest" not in daemon.stderr


def test_the_lines_of_the_guide_declare_the_exchange_and_publish(rabbitmq: RabbitMQ, start_daemon: StartDaemon) -> None:
    def run(block: str) -> None:
        line = block.replace("python -c", f"{sys.executable} -c").replace("'ws'", "'guide'")
        line = line.replace("amqp://oyez:a%20password@127.0.0.1:5672/%2F", rabbitmq.url(""))
        subprocess.run(["bash", "-c", line], check=True, timeout=30, env=environment())

    declare, publish = [block for block in snippets("docs/how-to/use-rabbitmq.md", "sh") if "pika" in block]
    run(declare)
    daemon = start_daemon("--broker", rabbitmq.url("guide"))
    with listen(daemon.port, "news") as page:
        assert page.receive() == SUCCESS
        run(publish)
        (event,) = page.messages(1)
        assert event["message"] == "hear ye"


def test_what_was_published_while_a_daemon_with_a_stream_was_away_is_replayed(
    rabbitmq: RabbitMQ, start_daemon: StartDaemon
) -> None:
    rabbitmq.declare("ws-stream")
    daemon = start_daemon("--broker", rabbitmq.url("ws-stream", "&stream=ws-stream-history&skew=0"))
    with SitePoster(rabbitmq.connect(), "ws-stream") as site, RawListener(daemon.port, "a") as page:
        ids = [site.post("a", number) for number in range(10)]
        assert [event["id"] for event in page.events(10)] == ids
        daemon.stop()
        ids.append(site.post("a", "away"))
        daemon.start()
    with RawListener(daemon.port, "a", start=ids[4], notify=True) as page:
        assert page.receive() == RECOVERED
        assert [event["id"] for event in page.events(6)] == ids[5:]
        assert daemon.last() == ids[-1] <= now_us()


def test_a_wrong_password_ends_the_start_in_words(rabbitmq: RabbitMQ) -> None:
    url = rabbitmq.url("amq.fanout").replace("guest:guest", "guest:SECRET")
    ended = subprocess.run(
        [sys.executable, "-m", "oyez", "serve", "--port", "0", "--key", "k", "--broker", url],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert "refuses the user 'guest' or the password" in " ".join(ended.stderr.split())
    assert "SECRET" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def test_a_missing_library_is_named_with_the_command_that_installs_it() -> None:
    program = textwrap.dedent(
        """
        import json, sys
        sys.modules["aiormq"] = None  # as if it were not there
        from oyez.brokers.rabbitmq.url import parse_amqp_url
        from oyez.brokers.rabbitmq import open_amqp
        from oyez.brokers.rabbitmq.intake import IntakeContext
        from oyez.config.tree import Settings
        from oyez.errors import ConfigError
        try:
            context = IntakeContext(Settings().limits, Settings().history, print)
            open_amqp(parse_amqp_url("amqp://u:SECRET@mq/?exchange=ws"), context)
        except ConfigError as error:
            print(json.dumps([error.key, str(error)]))
        """
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    key, text = json.loads(told.stdout)
    assert key == "broker"
    assert "pip install '/path/to/oyez[amqp]'" in text
    assert "SECRET" not in text
