"""For whoever writes a broker: the promises that one has to keep, as tests. Wants pytest, and nothing of the daemon."""

import pytest

# So that a failing assertion there shows what it compared, as one in a test file does.
pytest.register_assert_rewrite(
    "oyez.testing.broker_contract", "oyez.testing.notices_contract", "oyez.testing.kill", "oyez.testing.harness"
)
