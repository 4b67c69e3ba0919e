"""Are numbers read when they are asked for, and does one that cannot be read cost no other?"""

import pytest

from oyez.metrics import Metrics
from oyez.metrics_text import render


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
        text = render(metrics.read()).decode()
        assert "one 1.0" in text
        assert 'reasons_total{reason="a"} 2.0' in text
        assert "bad" not in text
        assert "wors" not in text
    assert caplog.text.count("ZeroDivisionError") == 3, "each is told once"
    broken.clear()
    assert "bad 7.0" in render(metrics.read()).decode()


def test_an_empty_label_is_none() -> None:
    metrics = Metrics()
    metrics.counter_by("posts", "By key.", "key", lambda: {"": 2, "web": 3})
    assert render(metrics.read()).decode().splitlines()[2:] == ["posts_total 2.0", 'posts_total{key="web"} 3.0']
