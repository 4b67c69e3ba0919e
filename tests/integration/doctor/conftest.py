"""The daemon of the sites that the doctor looks at."""

from collections.abc import Iterator

import pytest

from tests.daemon import Daemon
from tests.integration.test_nginx import DOORS


@pytest.fixture(scope="module")
def site_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with the three doors of a DMOJ site, which has patience with all the keys that are tried on it."""
    settings = DOORS | {"limits.auth_failures_per_minute": 1000}
    with Daemon(tmp_path_factory.mktemp("site"), settings=settings) as daemon:
        yield daemon
