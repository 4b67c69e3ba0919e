"""Does what takes longest begin first, with any number of workers?"""

import pytest

from tests.order import longest_first


def ordered(tests: str, workers: int) -> str:
    return "".join(longest_first(tests, str.isupper, workers))


def test_one_worker_begins_with_them() -> None:
    assert ordered("abXcdY", 1) == "XYabcd"


def test_each_worker_begins_with_its_share() -> None:
    assert ordered("abcXYdefghZi", 2) == "XZabcd" + "Yefghi"
    assert ordered("abcXYdefghZij", 3) == "Xabc" + "Ydef" + "Zghij"


@pytest.mark.parametrize("workers", range(1, 9))
@pytest.mark.parametrize("tests", ["", "X", "ab", "abc", "XYZ", "aXYZbcd", "abcdefghijklm", "abcdefghijklX"])
def test_none_is_lost_whatever_there_is(tests: str, workers: int) -> None:
    found = ordered(tests, workers)
    assert sorted(found) == sorted(tests)
    assert [test for test in found if test.islower()] == [test for test in tests if test.islower()]
