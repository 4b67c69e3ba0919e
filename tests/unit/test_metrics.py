"""Are numbers read when they are asked for, and does one that cannot be read cost no other?"""

import pytest

from oyez.metrics import Metrics


def test_one_number_that_cannot_be_read_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    metrics, broken = Metrics(), [True]

    def read() -> float:
        return 1 / 0 if broken else 7

    metrics.gauge("one", "First.", lambda: 1)
    metrics.gauge("bad", "Broken.", read)
    metrics.counter("worse", "Broken.", read)
    metrics.counter_by_reason("worst", "Broken.", lambda: {"a": int(read())})
    metrics.counter_by_reason("reasons", "By reason.", lambda: {"a": 2})
    for _ in range(3):
        text = metrics.render().decode()
        assert "one 1.0" in text
        assert 'reasons_total{reason="a"} 2.0' in text
        assert "bad" not in text
        assert "wors" not in text
    assert caplog.text.count("ZeroDivisionError") == 3, "each is told once"
    broken.clear()
    assert "bad 7.0" in metrics.render().decode()


def test_the_text_is_what_prometheus_reads() -> None:
    metrics = Metrics()
    metrics.counter("posts", "Events posted.", lambda: 7)
    metrics.gauge("load", "How much there is.", lambda: 0.25)
    metrics.counter_by("found", "By key.", "key", lambda: {"web": 3, "bridge": 12_345_678})
    metrics.counter_by_reason("nothing", "By reason.", dict)
    assert metrics.render().decode().splitlines() == [
        "# HELP load How much there is.", "# TYPE load gauge", "load 0.25",
        "# HELP posts_total Events posted.", "# TYPE posts_total counter", "posts_total 7.0",
        "# HELP found_total By key.", "# TYPE found_total counter",
        'found_total{key="bridge"} 12345678.0', 'found_total{key="web"} 3.0',
        "# HELP nothing_total By reason.", "# TYPE nothing_total counter",
    ]  # fmt: skip


def test_an_empty_label_is_none() -> None:
    metrics = Metrics()
    metrics.counter_by("posts", "By key.", "key", lambda: {"": 2, "web": 3})
    assert metrics.render().decode().splitlines()[2:] == ["posts_total 2.0", 'posts_total{key="web"} 3.0']
