"""What becomes of an event before it is written: repeats are counted, similar ones folded into one,
and a source that floods is cut off. Pure bookkeeping; `client/events.py` does the writing.

The three steps and their numbers are those of client-go's `tools/record` (`EventCorrelator`):
1. ten different messages of one kind (source, object, type, reason) within ten minutes: from then on
   one event "(combined from similar events): ..." stands for them;
2. an event seen before is counted up in a patch rather than created;
3. a token bucket for each source and object (25 at once, one more every 300 s) drops the rest.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from wherry.api.schema import Obj
from wherry.clock import Clock, rfc3339

MAX_KEYS = 4096
SIMILAR_EVENTS = 10
SIMILAR_SECONDS = 600.0
BURST = 25.0
REFILL_PER_SECOND = 1 / 300

V = TypeVar("V")
_Key: TypeAlias = tuple[str, ...]


class _Recent(Generic[V]):
    """The values of the keys used last, `MAX_KEYS` of them."""

    def __init__(self) -> None:
        self._values: OrderedDict[_Key, V] = OrderedDict()

    def get(self, key: _Key) -> V | None:
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: _Key, value: V) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > MAX_KEYS:
            self._values.popitem(last=False)


@dataclass(slots=True)
class _Similar:
    last: float
    messages: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Observed:
    name: str
    first_timestamp: str
    count: int


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float


class Correlated(NamedTuple):
    """`patch` is what to change on an event written before, None for one to create."""

    event: Obj
    patch: Obj | None


def event_name(object_name: str, seconds: float, rng: random.Random) -> str:
    """`web-1.17f2a4c9e0b3d1aa`: time in hexadecimal nanoseconds. The last millisecond is chance: a
    virtual clock stands still while several components speak of one object."""
    return f"{object_name}.{int(seconds * 1e9) + rng.getrandbits(20):x}"


class Correlator:
    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._similar: _Recent[_Similar] = _Recent()
        self._observed: _Recent[_Observed] = _Recent()
        self._buckets: _Recent[_Bucket] = _Recent()

    def correlate(self, event: Obj) -> Correlated | None:
        """None when the event is one too many."""
        event, key = self._aggregate(event)
        correlated = self._observe(event, key)
        return correlated if self._within_limit(event) else None

    def _aggregate(self, event: Obj) -> tuple[Obj, _Key]:
        now = self._clock.time()
        aggregate = _aggregate_key(event)
        similar = self._similar.get(aggregate)
        if similar is None or now - similar.last > SIMILAR_SECONDS:
            similar = _Similar(now)
        similar.messages[event["message"]] = None
        similar.last = now
        self._similar.put(aggregate, similar)
        if len(similar.messages) < SIMILAR_EVENTS:
            return event, _event_key(event)
        del similar.messages[next(iter(similar.messages))]
        name = event_name(event["involvedObject"].get("name", ""), now, self._rng)
        combined = {
            **event,
            "metadata": {**event["metadata"], "name": name},
            "message": f"(combined from similar events): {event['message']}",
            "count": 1,
            "firstTimestamp": rfc3339(now),
            "lastTimestamp": rfc3339(now),
        }
        return combined, aggregate

    def _observe(self, event: Obj, key: _Key) -> Correlated:
        seen = self._observed.get(key)
        if seen is None:
            name = event["metadata"]["name"]
            self._observed.put(key, _Observed(name, event["firstTimestamp"], event["count"]))
            return Correlated(event, None)
        seen.count += 1
        patch = {
            "count": seen.count,
            "lastTimestamp": event["lastTimestamp"],
            "message": event["message"],
        }
        whole = {
            **event,
            **patch,
            "metadata": {**event["metadata"], "name": seen.name},
            "firstTimestamp": seen.first_timestamp,
        }
        return Correlated(whole, patch)

    def _within_limit(self, event: Obj) -> bool:
        now = self._clock.time()
        key = (*_source(event), *_object(event))
        bucket = self._buckets.get(key) or _Bucket(BURST, now)
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.filled) * REFILL_PER_SECOND)
        bucket.filled = now
        self._buckets.put(key, bucket)
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True


def _texts(value: Any, *names: str) -> _Key:
    return tuple(value.get(name, "") for name in names)


def _source(event: Obj) -> _Key:
    return _texts(event["source"], "component", "host")


def _object(event: Obj) -> _Key:
    return _texts(event["involvedObject"], "kind", "namespace", "name", "uid", "apiVersion")


def _aggregate_key(event: Obj) -> _Key:
    reporting = _texts(event, "type", "reason", "reportingComponent", "reportingInstance")
    return (*_source(event), *_object(event), *reporting)


def _event_key(event: Obj) -> _Key:
    field_path = event["involvedObject"].get("fieldPath", "")
    return (*_source(event), *_object(event), field_path, *_texts(event, "type", "reason", "message"))
