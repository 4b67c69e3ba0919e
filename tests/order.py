"""In which order tests begin, so that no worker is left with a long one when the others have nothing more to do.

It must not know which tests are long.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeVar

Test = TypeVar("Test")


def longest_first(tests: Sequence[Test], is_long: Callable[[Test], bool], workers: int) -> list[Test]:
    """Return the tests so that each worker begins with its share of the long ones; the others stay in their order.

    ``--dist worksteal`` cuts what is returned into one part for each worker, equal but for one test. Who is through
    with its part takes from others what they have not begun, so the parts may last as long as they like.
    """
    long = [test for test in tests if is_long(test)]
    others = iter([test for test in tests if not is_long(test)])
    ordered: list[Test] = []
    for worker in range(workers):
        size = (len(tests) - len(ordered)) // (workers - worker)
        share = long[worker::workers]
        ordered += [*share, *islice(others, max(0, size - len(share)))]
    return ordered
