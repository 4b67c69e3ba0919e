"""One harness per codec: only documented errors may come out, and whole input equals byte by byte feeding.

``make fuzz EXAMPLES=100000`` runs each of them for longer, on other input each time; what the tests try is little, and
always the same.
"""

import os

from hypothesis import HealthCheck, Phase, settings

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))  # not OYEZ_…: those are kept from all tests

fuzz = settings(
    max_examples=EXAMPLES or 100,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
