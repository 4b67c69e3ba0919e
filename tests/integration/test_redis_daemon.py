"""Do real daemons on one Redis show the same events, over restarts of either, and of Redis?"""

import subprocess
import sys

from tests.conftest import StartDaemon
from tests.integration.dialects import RECOVERED, RawListener
from tests.integration.links import SUCCESS, eventually, listen, metrics
from tests.pages import snippets
from tests.redis_server import RedisServer
from tests.sandbox import environment


def test_listeners_of_two_daemons_get_what_is_posted_at_either(redis: RedisServer, start_daemon: StartDaemon) -> None:
    url = redis.url("?name=two-daemons")
    one, other = (
        start_daemon("--broker", url),
        start_daemon("--broker", f"redis+unix://{redis.socket}?name=two-daemons"),
    )
    with listen(one.port, "sub_1") as page, RawListener(other.port, "sub_1") as raw:
        assert page.receive() == SUCCESS
        events = [*one.post("sub_1", {"n": 1}), *other.post("sub_1", "two")]
        assert page.messages(2) == raw.events(2) == events
        redis.kill()
        eventually(lambda: metrics(one.port)["oyez_broker_up"] == 0, "notice of the outage")
        eventually(lambda: metrics(other.port)["oyez_broker_up"] == 0, "notice of the outage at the other")
        redis.start()
        eventually(lambda: metrics(one.port)["oyez_broker_up"] == 1, "recovery")
        eventually(lambda: metrics(other.port)["oyez_broker_up"] == 1, "recovery of the other")
        events += one.post("sub_1", "after")
        assert page.messages(1) == raw.events(1) == events[2:]
        one.stop()
        events += other.post("sub_1", "away")
        assert raw.events(1) == events[3:]
        one.start()
    with RawListener(one.port, "sub_1", start=events[0]["id"], notify=True) as page_again:
        assert page_again.receive() == RECOVERED
        assert page_again.events(3) == events[1:]
    assert "each acknowledged event is on the disk" in one.stderr


def test_the_lines_of_the_guide_let_a_daemon_in_and_show_its_events(
    redis: RedisServer, start_daemon: StartDaemon
) -> None:
    rights, line = snippets("docs/how-to/use-redis.md", "text")[0], snippets("docs/how-to/use-redis.md", "sh")[-1]
    rule = rights.split()
    redis.client.execute_command(*rule)  # type: ignore[no-untyped-call]
    daemon = start_daemon("--broker", redis.url("?name=oyez", database=3).replace("//", "//oyez:PASSWORD@"))
    (event,) = daemon.post("news", "hear ye")
    program = line.replace("redis-cli", f"redis-cli -p {redis.port}")
    shown = subprocess.run(["bash", "-c", program], check=True, capture_output=True, text=True, timeout=30)
    assert f"{event['id']}-0" in shown.stdout
    assert "hear ye" in shown.stdout
    assert "NOPERM" not in daemon.stderr


def test_a_wrong_password_ends_the_start_in_words(redis: RedisServer) -> None:
    url = redis.url().replace("redis://", "redis://nobody:SECRET@")
    ended = subprocess.run(
        [sys.executable, "-m", "oyez", "serve", "--port", "0", "--key", "k", "--broker", url],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert "refuses the user 'nobody' or the password" in " ".join(ended.stderr.split())
    assert "SECRET" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr
