from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from wherry.etcd.keyrange import TO_THE_END, contains, prefix_end
from wherry.etcd.types import Event, KeyValue
from wherry.etcd.watchers import WatcherGroup


@dataclass(eq=False)
class Recorder:
    key: bytes
    end: bytes | None
    told: list[tuple[list[Event], int]] = field(default_factory=list)

    def push(self, events: list[Event], revision: int) -> None:
        self.told.append((events, revision))


def event(key: bytes, revision: int = 5) -> Event:
    return Event("put", KeyValue(key, b"", revision, revision, 1), None)


NAMES = st.text("ab/", max_size=4).map(str.encode)


@st.composite
def recorders(draw: st.DrawFn) -> Recorder:
    key = draw(NAMES) or b"a"
    return Recorder(key, draw(st.sampled_from([None, prefix_end(key), TO_THE_END, b"b", b"ab/"])))


@given(st.lists(recorders(), max_size=12), st.lists(st.integers(0, 11), max_size=6), NAMES)
def test_it_finds_whom_it_concerns(watchers: list[Recorder], leaving: list[int], key: bytes) -> None:
    group = WatcherGroup()
    for each in watchers:
        group.add(each)
    gone = {number for number in leaving if number < len(watchers)}
    for number in leaving:
        if number < len(watchers):
            group.remove(watchers[number])
    group.publish([event(key)], 7)
    for number, each in enumerate(watchers):
        concerned = number not in gone and contains(each.key, each.end, key)
        assert each.told == ([([event(key)], 7)] if concerned else [])


def test_a_group_of_writes_is_one_call() -> None:
    pods, all_keys = Recorder(b"/pods/", prefix_end(b"/pods/")), Recorder(b"\0", TO_THE_END)
    group = WatcherGroup()
    group.add(pods)
    group.add(all_keys)
    events = [event(b"/pods/a", 5), event(b"/nodes/a", 6), event(b"/pods/b", 6)]
    group.publish(events, 6)
    assert pods.told == [([events[0], events[2]], 6)]
    assert all_keys.told == [(events, 6)]


def test_the_end_of_a_prefix() -> None:
    assert prefix_end(b"/a/") == b"/a0"
    assert prefix_end(b"a\xff") == b"b"
    assert prefix_end(b"\xff\xff") == TO_THE_END
    assert prefix_end(b"") == TO_THE_END
