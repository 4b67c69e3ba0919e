"""Are the URLs of AMQP brokers read as sites write them, and wrong ones refused in words?"""

import pytest

from oyez.brokers.rabbitmq.url import AmqpUrl, parse_amqp_url


def test_all_that_a_url_may_say() -> None:
    url = parse_amqp_url(
        "amqps://us%40er:p%3Aw@[::1]:5673/my%2Fhost?exchange=ws&stream=oyez&skew=0.5&heartbeat=30&cafile=/etc/ca.pem"
    )
    assert url == AmqpUrl(
        url="amqps://us%40er:p%3Aw@[::1]:5673/my%2Fhost?cafile=%2Fetc%2Fca.pem&heartbeat=30",
        exchange="ws",
        stream="oyez",
        skew_s=0.5,
        heartbeat_s=30,
        server="[::1]:5673",
        user="us@er",
        vhost="my/host",
    )


@pytest.mark.parametrize(
    ("text", "server", "vhost"),
    [
        ("amqp://u:p@mq?exchange=ws", "mq:5672", "/"),
        ("amqp://u:p@mq/?exchange=ws", "mq:5672", "/"),
        ("amqps://u:p@mq/%2F?exchange=ws", "mq:5671", "/"),
        ("amqp://u:p@10.0.0.1:1/dmoj?exchange=ws", "10.0.0.1:1", "dmoj"),
    ],
)
def test_what_is_left_out_is_as_usual(text: str, server: str, vhost: str) -> None:
    url = parse_amqp_url(text)
    assert (url.server, url.vhost, url.stream, url.skew_s, url.heartbeat_s) == (server, vhost, None, 2.0, 10)


def test_what_posters_write_for_pika_is_passed_over() -> None:
    """Their ``heartbeat=0`` suits a program that blocks; a daemon has to notice a dead link."""
    url = parse_amqp_url("amqp://u:p@mq/%2F?heartbeat=0&connection_attempts=3&retry_delay=1&exchange=ws")
    assert url.heartbeat_s == 10
    assert url.url == "amqp://u:p@mq/%2F?heartbeat=10"


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(parse_amqp_url("amqp://u:secret@mq/?exchange=ws"))


def test_the_longest_names() -> None:
    url = parse_amqp_url(f"amqp://mq?exchange={'e' * 255}&stream={'s' * 247}")
    assert (len(url.exchange), len(url.stream or "")) == (255, 247)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "amqp://user:password@host"),
        ("amqp:", "amqp://user:password@host"),
        ("AMQP://mq?exchange=ws", "amqp://user:password@host"),
        ("amqp://?exchange=ws", "a host"),
        ("amqp://u:p@?exchange=ws", "a host"),
        ("amqp://mq/a/b?exchange=ws", "one virtual host"),
        ("amqp://mq", "the name of an exchange"),
        ("amqp://mq?exchange=", "the name of an exchange"),
        ("amqp://mq?exchange=ws&stream=", "of streams with 1 to 247"),
        (f"amqp://mq?exchange=ws&stream={'s' * 248}", "with -notices behind its name"),
        (f"amqp://mq?exchange={'é' * 128}", "255 bytes"),
        ("amqp://mq?exchange=ws&skew=-1", "skew=SECONDS"),
        ("amqp://mq?exchange=ws&skew=nan", "skew=SECONDS"),
        ("amqp://mq?exchange=ws&skew=inf", "skew=SECONDS"),
        ("amqp://mq?exchange=ws&skew=", "skew=SECONDS"),
        ("amqp://mq?exchange=ws&heartbeat=soon", "heartbeat=SECONDS"),
        ("amqp://mq?exchange=ws&exchange=other", "each key once"),
        ("amqp://mq?exchange=ws&excahnge=other", "not excahnge"),
        ("amqp://mq:99999?exchange=ws", "a port"),
        ("amqp://mq:0?exchange=ws", "a port"),
        ("amqp://u:secret/1@mq?exchange=ws", "a port"),
        ("amqp://u:sec#ret@mq?exchange=ws", "%23"),
        ("amqp://u:sec ret@mq?exchange=ws", "without spaces"),
        ("amqp://mq\n?exchange=ws", "without spaces"),
        ("amqp://[::1?exchange=ws", "a port"),
        ("amqp://u:sec℀ret@mq?exchange=ws", "a port"),
    ],
)
def test_a_wrong_url_is_refused_with_what_would_be_right(text: str, hint: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_amqp_url(text)
    assert hint in str(refused.value)
    assert "sec" not in str(refused.value).replace("SECONDS", "")
