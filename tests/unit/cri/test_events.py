from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.cri.events import decode, subscribe_request
from wherry.cri.types import Event


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def envelope(topic: str, body: bytes) -> bytes:
    any_ = field(1, b"type") + field(2, body)
    return field(1, field(1, 1_800_000_000)) + field(2, b"k8s.io") + field(3, topic.encode()) + field(4, any_)


def test_the_end_of_a_container() -> None:
    body = field(1, b"abc") + field(2, b"abc") + field(3, 4711) + field(4, 137)
    assert decode(envelope("/tasks/exit", body)) == Event("exited", "abc")


def test_the_end_of_an_exec_is_none() -> None:
    assert decode(envelope("/tasks/exit", field(1, b"abc") + field(2, b"exec-1"))) is None


def test_out_of_memory() -> None:
    assert decode(envelope("/tasks/oom", field(1, b"abc"))) == Event("oom", "abc")


def test_other_topics_are_nothing() -> None:
    assert decode(envelope("/images/create", field(1, b"abc"))) is None


@given(st.binary(max_size=200))
def test_anything_is_an_event_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert decode(data) is None or isinstance(decode(data), Event)


def test_cut_off_is_refused() -> None:
    with pytest.raises(ValueError, match="cut off"):
        decode(envelope("/tasks/exit", field(1, b"abc"))[:-1])


def test_the_request_names_the_topics() -> None:
    assert b"/tasks/exit" in subscribe_request() and b"/tasks/oom" in subscribe_request()
