"""Are the URLs of Redis read, and wrong ones refused in words?"""

import pytest

from oyez.brokers.redis.url import RedisUrl, parse_redis_url


def test_all_that_a_url_may_say() -> None:
    url = parse_redis_url(
        "rediss://us%40er:p%3Aw@[::1]:6380/3?name=site&replicas=2&cafile=/etc/ca.pem&certfile=/c&keyfile=/k"
    )
    assert url == RedisUrl(
        server="[::1]:6380",
        host="::1",
        port=6380,
        user="us@er",
        password="p:w",
        database=3,
        name="site",
        replicas=2,
        tls=True,
        files=(("cafile", "/etc/ca.pem"), ("certfile", "/c"), ("keyfile", "/k")),
    )
    assert "p:w" not in repr(url)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("redis://mq", RedisUrl("mq:6379", "mq")),
        ("redis://mq/", RedisUrl("mq:6379", "mq")),
        ("redis://:secret@10.0.0.1:1/15", RedisUrl("10.0.0.1:1", "10.0.0.1", 1, password="secret", database=15)),
        ("redis+unix:///run/redis.sock", RedisUrl("/run/redis.sock", path="/run/redis.sock")),
        ("redis+unix:///run/a%20b?db=2&name=x", RedisUrl("/run/a b", path="/run/a b", database=2, name="x")),
    ],
)
def test_what_is_left_out_is_as_usual(text: str, url: RedisUrl) -> None:
    assert parse_redis_url(text) == url


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("redis:", "redis://user:password@host"),
        ("REDIS://mq", "redis://user:password@host"),
        ("redis://", "a host"),
        ("redis://mq:0", "a port from 1 to 65535"),
        ("redis://u:p:w@mq:x", "a port from 1 to 65535"),
        ("redis://mq/one", "the database after the host as a number"),
        ("redis://mq/1/2", "the database after the host as a number"),
        ("redis://mq/²", "the database after the host as a number"),
        ("redis://mq#1", "no #"),
        ("redis://m q", "without spaces"),
        ("redis://mq?name=", "name=NAME"),
        ("redis://mq?name={a}", "without braces"),
        ("redis://mq?name=a&name=b", "each key once"),
        ("redis://mq?replicas=-1", "replicas as a number"),
        ("redis://mq?db=1", "name or replicas after the ?, not db"),
        ("redis://u:12?p:w@mq/0", "a ? in a password as %3F"),
        ("redis://u:12?p:w=1", "a ? in a password as %3F"),
        ("redis://mq?cafile=/ca", "rediss:// with cafile"),
        ("rediss://mq?keyfile=/k", "a certfile with the keyfile"),
        ("redis+unix://mq/run/a", "the path of a socket"),
        ("redis+unix:///", "the path of a socket"),
    ],
)
def test_what_is_wrong_is_refused_with_what_would_be_right(text: str, hint: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_redis_url(text)
    assert hint in str(refusal.value)
    assert "p:w" not in str(refusal.value)
