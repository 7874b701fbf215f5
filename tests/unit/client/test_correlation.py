from __future__ import annotations

import random
from typing import Any

from wherry.client.correlation import Correlated, Correlator, event_name


class Clock:
    now = 1_000_000.0

    def time(self) -> float:
        return self.now


def event(message: str, name: str = "web", reason: str = "Failed", stamp: str = "t0") -> dict[str, Any]:
    return {
        "metadata": {"name": f"{name}.{message}", "namespace": "default"},
        "involvedObject": {"kind": "Pod", "name": name, "namespace": "default", "uid": "u"},
        "reason": reason,
        "message": message,
        "type": "Warning",
        "source": {"component": "kubelet", "host": "n1"},
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }


def correlator() -> tuple[Correlator, Clock]:
    clock = Clock()
    return Correlator(clock, random.Random(1)), clock


def must(found: Correlated | None) -> Correlated:
    assert found is not None
    return found


def test_a_repeat_is_counted_on_the_first() -> None:
    one, _ = correlator()
    assert must(one.correlate(event("a"))).patch is None
    second = must(
        one.correlate({**event("a", stamp="t1"), "metadata": {"name": "x", "namespace": "default"}})
    )
    assert second.patch == {"count": 2, "lastTimestamp": "t1", "message": "a"}
    assert second.event["metadata"]["name"] == "web.a"
    assert second.event["firstTimestamp"] == "t0"


def test_similar_events_are_combined_after_ten() -> None:
    one, clock = correlator()
    found = [must(one.correlate(event(str(number)))) for number in range(13)]
    assert [entry.patch is None for entry in found] == [True] * 10 + [False] * 3
    assert found[8].event["message"] == "8"
    assert found[9].event["message"] == "(combined from similar events): 9"
    assert found[12].patch is not None
    assert found[12].patch["message"] == "(combined from similar events): 12"
    assert found[12].patch["count"] == 4
    clock.now += 601
    assert must(one.correlate(event("later"))).event["message"] == "later"


def test_another_reason_is_not_similar() -> None:
    one, _ = correlator()
    for number in range(9):
        one.correlate(event(str(number)))
    assert must(one.correlate(event("9", reason="Pulled"))).event["message"] == "9"


def test_a_flood_is_cut_off_and_trickles_on() -> None:
    one, clock = correlator()
    passed = sum(one.correlate(event("a")) is not None for _ in range(100))
    assert passed == 25
    assert one.correlate(event("a", name="other")) is not None
    clock.now += 299
    assert one.correlate(event("a")) is None
    clock.now += 2
    last = must(one.correlate(event("a")))
    assert last.patch is not None and last.patch["count"] == 102


def test_names_are_hexadecimal_nanoseconds() -> None:
    name = event_name("web", 1767225600.0, random.Random(1))
    stem, _, stamp = name.partition(".")
    assert stem == "web" and len(stamp) == 16
    assert 0 <= int(stamp, 16) - 1767225600 * 10**9 < 2**20
