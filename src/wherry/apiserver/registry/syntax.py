"""What Go's JSON decoder says of text that is not JSON (`encoding/json/scanner.go`).

    of(b'{"a" 1}')   ->  invalid character '1' after object key

Only asked when decoding has failed, so it is plain and slow: one token after the other, with a stack of
the open objects and arrays.
"""

from __future__ import annotations

import re

MAX_DEPTH = 10_000

_END = "unexpected end of JSON input"
_BLANKS = re.compile(rb"[ \t\r\n]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_LITERALS = {b"t": b"true", b"f": b"false", b"n": b"null"}
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_PARTS = (
    (re.compile(rb"-"), "in numeric literal"),
    (re.compile(rb"-?(?:0|[1-9][0-9]*)\."), "after decimal point in numeric literal"),
    (re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?[eE][+-]?"), "in exponent of numeric literal"),
)


class _Bad(Exception):
    """Where the text stops being JSON, and what Go calls the place."""


def of(body: bytes) -> str:
    """The complaint; "" for text that is JSON."""
    try:
        _scan(body)
    except _Bad as bad:
        at, place = bad.args
        return _END if at >= len(body) else f"invalid character {quoted(body[at])} {place}"
    return ""


def quoted(byte: int) -> str:
    """A byte as Go's scanner quotes it."""
    special = {0x27: "'\\''", 0x22: "'\"'"}
    escapes = {0x07: "a", 0x08: "b", 0x0C: "f", 0x0A: "n", 0x0D: "r", 0x09: "t", 0x0B: "v", 0x5C: "\\"}
    if byte in special:
        return special[byte]
    if byte in escapes:
        return f"'\\{escapes[byte]}'"
    return (
        f"'{chr(byte)}'"
        if chr(byte).isprintable()
        else (f"'\\x{byte:02x}'" if byte < 0x80 else f"'\\u{byte:04x}'")
    )


def _scan(body: bytes) -> None:
    closers: list[int] = []
    at = _blanks(body, 0)
    while True:
        opener = _at(body, at)
        if opener in (0x7B, 0x5B):
            closers.append(opener + 2)
            if len(closers) > MAX_DEPTH:
                raise _Bad(at, "exceeded max depth")
            at = _blanks(body, at + 1)
            if _at(body, at) == closers[-1]:
                at = _after_value(body, at, closers)
            elif closers[-1] == 0x7D:
                at = _key(body, at)
        else:
            at = _after_value(body, _value(body, at), closers)
        if not closers:
            if at < len(body):
                raise _Bad(at, "after top-level value")
            return


def _after_value(body: bytes, at: int, closers: list[int]) -> int:
    """From the end of a value (or an empty pair's closer) to the start of the next one."""
    at = _blanks(body, at)
    while closers:
        found = _at(body, at)
        if found == closers[-1]:
            closers.pop()
            at = _blanks(body, at + 1)
        elif found == 0x2C:
            at = _blanks(body, at + 1)
            return _key(body, at) if closers[-1] == 0x7D else at
        else:
            raise _Bad(at, "after object key:value pair" if closers[-1] == 0x7D else "after array element")
    return at


def _key(body: bytes, at: int) -> int:
    if _at(body, at) != 0x22:
        raise _Bad(at, "looking for beginning of object key string")
    at = _blanks(body, _string(body, at))
    if _at(body, at) != 0x3A:
        raise _Bad(at, "after object key")
    return _blanks(body, at + 1)


def _value(body: bytes, at: int) -> int:
    first = body[at : at + 1]
    if first == b'"':
        return _string(body, at)
    if first in _LITERALS:
        return _literal(body, at, _LITERALS[first])
    if first and first in b"-0123456789":
        return _number(body, at)
    raise _Bad(at, "looking for beginning of value")


def _literal(body: bytes, at: int, word: bytes) -> int:
    for place, letter in enumerate(word):
        if _at(body, at + place) != letter:
            raise _Bad(at + place, f"in literal {word.decode()} (expecting {quoted(letter)})")
    return at + len(word)


def _number(body: bytes, at: int) -> int:
    match = _NUMBER.match(body, at)
    end = match.end() if match else at
    for part, place in _PARTS:
        found = part.match(body, at)
        if found and found.end() > end:
            raise _Bad(found.end(), place)
    return end


def _string(body: bytes, at: int) -> int:
    at += 1
    while True:
        at = _end(_PLAIN, body, at)
        found = _at(body, at)
        if found == 0x22:
            return at + 1
        if found != 0x5C:
            raise _Bad(at, "in string literal")
        at = _escape(body, at + 1)


def _escape(body: bytes, at: int) -> int:
    found = body[at : at + 1]
    if found and found in b'bfnrt\\/"':
        return at + 1
    if found != b"u":
        raise _Bad(at, "in string escape code")
    for place in range(at + 1, at + 5):
        if body[place : place + 1] not in _HEX:
            raise _Bad(place, "in \\u hexadecimal character escape")
    return at + 5


_HEX = frozenset(bytes([byte]) for byte in b"0123456789abcdefABCDEF")


def _at(body: bytes, at: int) -> int:
    """The byte at a place; beyond the end, a complaint."""
    if at >= len(body):
        raise _Bad(at, "")
    return body[at]


def _blanks(body: bytes, at: int) -> int:
    return _end(_BLANKS, body, at)


def _end(pattern: re.Pattern[bytes], body: bytes, at: int) -> int:
    match = pattern.match(body, at)
    return match.end() if match else at
