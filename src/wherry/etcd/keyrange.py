"""Ranges of keys, as etcd writes them: `end` None is the one key, b"\\0" is to the end of the key space."""

from __future__ import annotations

TO_THE_END = b"\0"


def prefix_end(prefix: bytes) -> bytes:
    """The `end` that makes `prefix` a range of all keys that start with it (clientv3's
    GetPrefixRangeEnd)."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else TO_THE_END


def contains(key: bytes, end: bytes | None, candidate: bytes) -> bool:
    if end is None:
        return candidate == key
    return candidate >= key and (end == TO_THE_END or candidate < end)
