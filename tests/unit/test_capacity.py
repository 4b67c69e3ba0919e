"""Do the limits leave room for what stands above them?"""

import resource

import pytest

from oyez.access.capacity import derive_capacity, raise_open_files


@pytest.mark.parametrize("open_files", [0, 64, 100, 256, 1024, 4096, 65_536, 2**20, 2**30])
def test_capacity_leaves_room_at_every_level(open_files: int) -> None:
    capacity = derive_capacity(open_files, 0)
    assert 0 < capacity.listeners < capacity.sessions < capacity.sockets
    assert capacity.sessions <= 100_000
    assert open_files < 100 or capacity.sockets <= open_files - 64


def test_capacity_obeys_the_setting_as_far_as_files_allow() -> None:
    assert derive_capacity(1024, 10).listeners == 10
    assert derive_capacity(1024, 10**6) == derive_capacity(1024, 0)


@pytest.mark.parametrize(
    ("soft", "hard", "effective"),
    [(1024, 4096, 4096), (4096, 4096, 4096), (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 200_000)],
)
def test_soft_limit_is_raised(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, effective: int) -> None:
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: calls.append(pair))
    assert raise_open_files() == effective
    assert calls == ([] if soft == hard else [(hard, hard)])


def test_a_limit_that_cannot_be_raised_is_lived_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int, __: tuple[int, int]) -> None:
        raise ValueError

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raise_open_files() == 256
