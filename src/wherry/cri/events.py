"""containerd's own event stream, decoded by hand: the source of container ends before CRI had one.

    Envelope { 1: timestamp, 2: namespace, 3: topic, 4: Any { 1: type_url, 2: value } }
    /tasks/exit    TaskExit { 1: container_id, 2: id, 3: pid, 4: exit_status, 5: exited_at }
    /tasks/oom     TaskOOM { 1: container_id }
    /tasks/delete  TaskDelete { 1: container_id, ... }

(`containerd/api/services/events/v1/events.proto`, `api/events/task.proto`.) A TaskExit whose id is
not its container id is the end of an exec process and no event to us.
"""

from __future__ import annotations

from collections.abc import Iterator

from wherry.cri.types import Event

SUBSCRIBE = "/containerd.services.events.v1.Events/Subscribe"
NAMESPACE = (("containerd-namespace", "k8s.io"),)
_FILTERS = ('topic=="/tasks/exit"', 'topic=="/tasks/oom"')


def subscribe_request() -> bytes:
    """SubscribeRequest { 1: repeated string filters }."""
    return b"".join(b"\x0a" + bytes([len(f)]) + f.encode() for f in _FILTERS)


def decode(message: bytes) -> Event | None:
    """One Envelope; None for what doesn't concern us. ValueError when it is malformed."""
    envelope = dict(_fields(message))
    body = dict(_fields(_bytes(envelope.get(4, b""))))
    fields = dict(_fields(_bytes(body.get(2, b""))))
    topic = _bytes(envelope.get(3, b"")).decode()
    container = _bytes(fields.get(1, b"")).decode()
    if topic == "/tasks/exit":
        return Event("exited", container) if _bytes(fields.get(2, b"")).decode() == container else None
    return Event("oom", container) if topic == "/tasks/oom" else None


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where bytes were expected")
    return value


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, varint or bytes) of a protobuf message, fixed-width values as bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value: int | bytes
        match key & 7:
            case 0:
                value, at = _varint(data, at)
            case 1:
                value, at = data[at : at + 8], at + 8
            case 2:
                length, at = _varint(data, at)
                value, at = data[at : at + length], at + length
            case 5:
                value, at = data[at : at + 4], at + 4
            case wire:
                raise ValueError(f"unknown wire type {wire}")
        if at > len(data):
            raise ValueError("cut off")
        yield key >> 3, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while shift < 64:
        if at >= len(data):
            raise ValueError("cut off")
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
    raise ValueError("a number of more than 64 bits")
