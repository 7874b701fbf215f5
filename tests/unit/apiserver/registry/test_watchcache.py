"""The cache against a plain model, and what watchers are told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wherry.apiserver.registry import entry, watchcache
from wherry.apiserver.registry.watchcache import ALL, Event, Layout, Scope, WatchCache

HEAD = entry.head("v1", "Pod")


def value(name: str, node: str = "") -> bytes:
    metadata = {"name": name, "labels": {"app": name}}
    return entry.stored_value(
        {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": {"nodeName": node}}
    )


def cache() -> WatchCache:
    made = WatchCache(Layout(b"/registry/pods/", HEAD, {}, ("spec.nodeName",)))
    made.fill({}, 1)
    return made


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.cut = False

    def notify(self, event: Event) -> None:
        self.events.append(event)

    def cut_off(self) -> None:
        self.cut = True

    @property
    def keys(self) -> list[str]:
        return [event.entry.key for event in self.events]


KEYS = st.sampled_from(["a/x", "a/y", "a-b/x", "b/x"])
STEPS = st.lists(st.tuples(KEYS, st.sampled_from(["", "n1", "n2", None])), max_size=15)


@given(STEPS)
def test_it_holds_what_a_dict_would(steps: list[tuple[str, str | None]]) -> None:
    found, model = cache(), dict[str, str]()
    for revision, (key, node) in enumerate(steps, 2):
        found.apply(key, revision, None if node is None else value(key, node))
        if node is None:
            model.pop(key, None)
        else:
            model[key] = node
    assert [e.key for e in found.select()] == sorted(model)
    assert [e.key for e in found.select(("namespace", "a"))] == sorted(k for k in model if k.startswith("a/"))
    for node in ("", "n1", "n2"):
        expected = sorted(k for k, where in model.items() if where == node)
        assert [e.key for e in found.select(("spec.nodeName", node))] == expected
    assert [e.key for e in found.select(after="a/x")] == sorted(k for k in model if k >= "a/x")
    assert found.count(ALL, "a/x") == sum(k > "a/x" for k in model)
    assert found.count(("namespace", "a"), "a/x") == sum("a/x" < k < "a0" for k in model)


@given(STEPS, st.integers(1, 20))
def test_history_leads_from_any_point_to_the_present(steps: list[tuple[str, str | None]], start: int) -> None:
    found = cache()
    states = {1: dict[str, bytes]()}
    for revision, (key, node) in enumerate(steps, 2):
        found.apply(key, revision, None if node is None else value(key, node))
        states[revision] = {e.key: e.data for e in found.select()}
    state = dict(states[min(start, len(states))])
    for event in found.since(min(start, len(states))) or []:
        if event.deleted:
            del state[event.entry.key]
        else:
            state[event.entry.key] = event.entry.data
    assert state == states[len(states)]


def test_watchers_are_told_by_scope() -> None:
    found = cache()
    scopes: list[Scope] = [ALL, ("namespace", "a"), ("key", "a/x"), ("spec.nodeName", "n1")]
    told = {scope: Told() for scope in scopes}
    ends = [found.subscribe(scope, watcher) for scope, watcher in told.items()]
    found.apply("a/x", 2, value("x"))
    found.apply("b/x", 3, value("x", "n1"))
    found.apply("b/x", 4, value("x", "n2"))
    found.apply("b/x", 5, None)
    assert [told[s].keys for s in scopes] == [["a/x", "b/x", "b/x", "b/x"], ["a/x"], ["a/x"], ["b/x", "b/x"]]
    for end in ends:
        end()
    found.apply("a/x", 6, None)
    assert len(told[ALL].events) == 4


def test_a_deletion_carries_the_last_state_with_its_revision() -> None:
    found, told = cache(), Told()
    found.apply("a/x", 2, value("x", "n1"))
    found.subscribe(ALL, told)
    found.apply("a/x", 3, None)
    event = told.events[0]
    assert event.deleted
    assert event.entry.obj["metadata"]["resourceVersion"] == "3"
    assert event.entry.obj["spec"] == {"nodeName": "n1"}


def test_deleting_what_is_not_there_is_nothing() -> None:
    found = cache()
    found.apply("a/x", 2, None)
    assert found.changed == 1
    assert found.since(1) == []


def test_history_is_bounded(monkeypatch: object) -> None:
    found = cache()
    for revision in range(2, watchcache.HISTORY_EVENTS + 12):
        found.apply("a/x", revision, value("x"))
    assert len(found.history) == watchcache.HISTORY_EVENTS
    assert found.since(found.oldest - 1) is None
    assert len(found.since(found.oldest) or []) == watchcache.HISTORY_EVENTS


def test_filling_anew_cuts_watchers_off() -> None:
    found, told = cache(), Told()
    found.subscribe(ALL, told)
    found.fill({"a/x": (5, value("x", "n1"))}, 7)
    assert told.cut
    assert [e.revision for e in found.select(("spec.nodeName", "n1"))] == [5]
    assert found.since(6) is None
    assert found.since(7) == []


def test_values_written_by_others_are_brought_into_form() -> None:
    found = cache()
    found.fill(
        {"a/x": (5, b'{"metadata":{"name":"x"},"apiVersion":"v1","kind":"Pod"}'), "a/y": (5, b"\x00")}, 7
    )
    assert [e.key for e in found.select()] == ["a/x"]
    entry_ = found.get("a/x")
    assert entry_ is not None
    assert entry_.data.startswith(HEAD)
