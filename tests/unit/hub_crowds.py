"""Listeners that take long to be written to, and the first slice of a fan-out to them."""

from tests.fakes import Listener, World

CROWD = 100


def crowd(world: World, *channels: str) -> list[Listener]:
    """Many listeners, each of which takes longer than a slice may last."""
    listeners = [world.follow(Listener(), *channels) for _ in range(CROWD)]

    def take_long() -> None:
        world.clock.now += 1

    for listener in listeners:
        listener.on_write = take_long
    return listeners


def begin(world: World, listeners: list[Listener]) -> tuple[list[Listener], list[Listener]]:
    """Do the first slice; who was served by it, and who was not."""
    assert world.turn()
    served = [listener for listener in listeners if listener.got]
    unserved = [listener for listener in listeners if not listener.got]
    assert served
    assert unserved
    return served, unserved
