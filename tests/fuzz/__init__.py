"""One harness per codec: only documented errors may come out, and whole input equals byte by byte feeding.

``OYEZ_FUZZ_EXAMPLES=100000 pytest tests/fuzz`` runs each of them for longer; the default is short, and always the same.
"""

import os

from hypothesis import HealthCheck, Phase, settings

EXAMPLES = int(os.environ.get("OYEZ_FUZZ_EXAMPLES", "0"))

fuzz = settings(
    max_examples=EXAMPLES or 100,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
