from __future__ import annotations

import random
import uuid

from hypothesis import given
from hypothesis import strategies as st

from wherry import clock


@given(st.integers(0, 2**33))
def test_dates_come_back(seconds: int) -> None:
    assert clock.parse_rfc3339(clock.rfc3339(seconds)) == seconds
    assert abs(clock.parse_rfc3339(clock.rfc3339_micro(seconds + 0.25)) - seconds - 0.25) < 1e-5


@given(st.integers())
def test_uuids_are_version_4_and_seeded(seed: int) -> None:
    made = clock.uuid4(random.Random(seed))
    parsed = uuid.UUID(made)
    assert (parsed.version, parsed.variant, str(parsed)) == (4, uuid.RFC_4122, made)
    assert clock.uuid4(random.Random(seed)) == made
