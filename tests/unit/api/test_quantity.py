from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.api import quantity

# What kube-apiserver 1.36 stores for these.
CANONICAL = {
    "1024Mi": "1Gi",
    "1500m": "1500m",
    "0.5": "500m",
    "1e3": "1e3",
    "1.5Gi": "1536Mi",
    "100": "100",
    "1000": "1k",
    "0.1Ki": "102400m",
    "3e-3": "3e-3",
    "1500000": "1500k",
    "0": "0",
    "1000m": "1",
    "0.0000000001": "1n",
    "+5": "5",
    "-1500m": "-1500m",
    ".5": "500m",
    "5.": "5",
}


@pytest.mark.parametrize(("text", "stored"), CANONICAL.items())
def test_canonical_form(text: str, stored: str) -> None:
    assert quantity.canonical(text) == stored


@pytest.mark.parametrize("text", ["", "a", "1x", "1 ", "Mi", "--1", "1.2.3", "1e", "1Ee3", "9" * 80, "1e999"])
def test_not_a_quantity(text: str) -> None:
    assert not quantity.is_valid(text)
    with pytest.raises(ValueError, match="quantities must match"):
        quantity.parse(text)


forms = st.tuples(
    st.integers(0, 10**9), st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "e-3", "u"])
).map(lambda parts: f"{parts[0]}{parts[1]}")


@given(forms)
def test_canonical_keeps_the_value_and_is_stable(text: str) -> None:
    stored = quantity.canonical(text)
    assert quantity.parse(stored) == quantity.parse(text)
    assert quantity.canonical(stored) == stored


@given(forms)
def test_rounding_is_upwards(text: str) -> None:
    value = quantity.parse(text)
    assert 0 <= quantity.whole(text) - value < 1
    assert 0 <= quantity.milli(text) - value * 1000 < 1


@given(st.integers(-(10**12), 10**12))
def test_numbers_come_back(number: int) -> None:
    assert quantity.parse(quantity.from_milli(number)) == Fraction(number, 1000)
    assert quantity.whole(quantity.from_whole(number)) == number
    assert quantity.whole(quantity.from_whole(number, binary=True)) == number
