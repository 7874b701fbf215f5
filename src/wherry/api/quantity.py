"""Resource quantities (`k8s.io/apimachinery/pkg/api/resource`), exact.

`parse("100m")` is a Fraction of the unit; `milli` and `whole` round up as upstream's MilliValue and
Value do; `canonical` gives the string form the API server stores.
"""

from __future__ import annotations

import functools
import re
from fractions import Fraction

_FORM = re.compile(
    r"([+-]?)(\d+\.?\d*|\.\d+)(?:(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E)|[eE]([+-]?\d+))?", re.ASCII
)
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_NAMES = {power: name for name, power in _DECIMAL.items()}
_MAX_LENGTH = 64
_MAX = Fraction(2**63 - 1)
_NANO = Fraction(1, 10**9)

INVALID = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


@functools.lru_cache(4096)
def parse(text: str | int | float) -> Fraction:
    """The exact value, rounded up (away from zero) to 1n; ValueError when it is not a quantity."""
    value, _ = _split(text)
    return value


def _split(text: str | int | float) -> tuple[Fraction, str]:
    text = str(text)
    match = _FORM.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        raise ValueError(INVALID)
    sign, digits, suffix, exponent = match.groups()
    number = Fraction(digits if not digits.endswith(".") else digits[:-1])
    form = "decimal"
    if suffix in _BINARY:
        number *= 2 ** _BINARY[suffix]
        form = "binary"
    elif exponent is not None:
        if abs(int(exponent)) > 99:
            raise ValueError(INVALID)
        number *= Fraction(10) ** int(exponent)
        form = "exponent"
    else:
        number *= Fraction(10) ** _DECIMAL[suffix or ""]
    number = min(-(-number // _NANO) * _NANO, _MAX)
    return (-number if sign == "-" else number), form


def is_valid(text: str | int | float) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def whole(text: str | int | float) -> int:
    """The value as an integer, rounded away from zero (Quantity.Value)."""
    return _ceil(parse(text))


def milli(text: str | int | float) -> int:
    """Thousandths, rounded away from zero (Quantity.MilliValue): CPU is counted so."""
    return _ceil(parse(text) * 1000)


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator) if value >= 0 else -_ceil(-value)


@functools.lru_cache(4096)
def canonical(text: str | int | float) -> str:
    """The stored form: the largest suffix of the given family without a fraction (at most 1n)."""
    value, form = _split(text)
    if value == 0:
        return "0"
    sign, size = ("-", -value) if value < 0 else ("", value)
    if form == "binary" and size.denominator == 1 and size >= 1024:
        return sign + _binary(size.numerator)
    return sign + _decimal(size, "exponent" if form == "exponent" else "decimal")


def from_whole(value: int, *, binary: bool = False) -> str:
    return ("-" if value < 0 else "") + _binary(abs(value)) if binary and value else _signed(Fraction(value))


def from_milli(value: int) -> str:
    return _signed(Fraction(value, 1000))


def _signed(value: Fraction) -> str:
    if value == 0:
        return "0"
    return ("-" if value < 0 else "") + _decimal(abs(value), "decimal")


def _binary(value: int) -> str:
    for name, bits in reversed(_BINARY.items()):
        if value % (1 << bits) == 0:
            return f"{value >> bits}{name}"
    return str(value)


def _decimal(value: Fraction, form: str) -> str:
    """`value` > 0 with the largest power of 1000 that leaves an integer."""
    scaled = value / _NANO
    digits, power = scaled.numerator, -9
    while digits % 1000 == 0 and power < 18:
        digits //= 1000
        power += 3
    if form == "exponent":
        return f"{digits}e{power}" if power else str(digits)
    return f"{digits}{_DECIMAL_NAMES[power]}"
