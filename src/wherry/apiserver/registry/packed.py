"""Lists compressed once: gzip bodies put together from pieces that are kept between requests.

A deflate stream may be cut at byte boundaries into pieces that do not refer to each other. A list's
entries are grouped into runs; each run is compressed to such a piece when it is first listed and kept
as long as its entries stay what they are. A list is then the gzip header, a piece for the list's head,
the kept pieces, a piece for its end, and the checksum, which is combined from the pieces' checksums
without looking at their content.

Where a run ends is decided by the entry's key alone, so an entry that comes, goes or changes touches
its own run and no other. Runs hold some sixty entries: enough for the compressor to find what repeats.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from isal import isal_zlib

from wherry.apiserver.registry.entry import Entry

_RUN_BITS = 0x3F
_SCOPES = 16
"""How many different lists of a resource (all, one namespace, …) are kept."""

_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LAST_BLOCK = b"\x03\x00"  # an empty block with the final bit
_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31


@dataclass(frozen=True, slots=True)
class Piece:
    """Compressed bytes with the checksum and length of what they stand for; `shift` is x^(8*length)
    modulo the checksum's polynomial, which is what joining checksums needs."""

    data: bytes
    checksum: int
    length: int
    shift: int


def piece(plain: bytes) -> Piece:
    packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    data = packer.compress(plain) + packer.flush(isal_zlib.Z_FULL_FLUSH)
    return Piece(data, crc32(plain), len(plain), _power(len(plain)))


def joined(pieces: Iterable[Piece]) -> bytes:
    """A whole gzip file of one member."""
    parts = [_GZIP_HEAD]
    checksum = length = 0
    for each in pieces:
        parts.append(each.data)
        checksum = _times(each.shift, checksum) ^ each.checksum
        length += each.length
    parts += (_LAST_BLOCK, struct.pack("<II", checksum, length & 0xFFFFFFFF))
    return b"".join(parts)


class PackedLists:
    """The pieces of one resource's lists, by what was listed (`scope`) and the run's first key (of the
    very first run: nothing)."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], dict[str, tuple[list[Entry], Piece]]] = OrderedDict()

    def body(self, scope: tuple[str, str], head: bytes, entries: list[Entry], end: bytes) -> bytes:
        """The gzip of `head`, the entries joined by commas, and `end`. `entries` is a whole scope."""
        before = self._kept.pop(scope, {})
        kept: dict[str, tuple[list[Entry], Piece]] = {}
        pieces = [piece(head)]
        for run in _runs(entries):
            lead = b"," if kept else b""
            name = run[0].key if lead else ""
            found = before.get(name)
            if found is None or found[0] != run:
                found = (run, piece(lead + b",".join([entry.data for entry in run])))
            kept[name] = found
            pieces.append(found[1])
        pieces.append(piece(end))
        self._kept[scope] = kept
        if len(self._kept) > _SCOPES:
            self._kept.popitem(last=False)
        return joined(pieces)


def _runs(entries: list[Entry]) -> Iterable[list[Entry]]:
    """The first entry, which no comma leads, is a run of its own."""
    if entries:
        yield entries[:1]
    run: list[Entry] = []
    for entry in entries[1:]:
        run.append(entry)
        if not crc32(entry.key.encode()) & _RUN_BITS:
            yield run
            run = []
    if run:
        yield run


def _times(a: int, b: int) -> int:
    """The product of two polynomials modulo the checksum's, bits reflected as the checksum has them."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


def _power(length: int) -> int:
    """x^(8*length) by repeated squaring."""
    result, square, exponent = _ONE, 1 << 30, 8 * length
    while exponent:
        if exponent & 1:
            result = _times(square, result)
        square = _times(square, square)
        exponent >>= 1
    return result
