"""What holds for all tests: hypothesis without wall-clock limits (machines differ), and the reasons of
skipped tests counted at the end."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile(
    "wherry",
    deadline=None,
    max_examples=60,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("wherry")
