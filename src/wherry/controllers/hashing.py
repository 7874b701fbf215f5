"""Short stable hashes for names: 32-bit FNV-1a of canonical JSON, in the alphabet that upstream uses
for generated names (`rand.SafeEncodeString`: no vowels, no look-alikes, so no words)."""

from __future__ import annotations

import json
from typing import Any

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def fnv32a(data: bytes) -> int:
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def safe_encode(text: str) -> str:
    return "".join(_ALPHABET[ord(char) % len(_ALPHABET)] for char in text)


def safe_hash(value: Any, collisions: int | None = None) -> str:
    """The hash of plain JSON values; another `collisions` count gives another hash."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    if collisions is not None:
        text += str(collisions)
    return safe_encode(str(fnv32a(text.encode())))
