"""The collector's deciding parts, and a property: in a made-up world of owners nothing is ever deleted
that has a live owner, and in the end nothing is left that has none."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wherry.api.scheme import Resource, resource
from wherry.controllers.garbage.graph import FOREGROUND, ORPHAN, Graph, Owner
from wherry.controllers.garbage.verdict import Delete, Keep, verdict

MAPS = resource("configmaps")
NODES = resource("nodes")


def obj(uid: str, *owners: str, namespace: str = "ns", blocks: bool = False, **meta: Any) -> Any:
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": owner, "blockOwnerDeletion": blocks}
        for owner in owners
    ]
    return {
        "metadata": {"uid": uid, "name": uid, "namespace": namespace, "ownerReferences": references, **meta}
    }


def test_an_absent_owner_makes_its_dependent_suspect() -> None:
    graph = Graph()
    assert graph.put(MAPS, obj("a")).examine == ()
    assert graph.put(MAPS, obj("b", "a")).examine == ()
    assert graph.put(MAPS, obj("c", "gone")).examine == ("c",)
    assert graph.remove("a").examine == ("b",)
    assert graph.remove("a").examine == ()


def test_a_reference_that_names_another_kind_or_namespace_is_not_solid() -> None:
    graph = Graph()
    graph.put(MAPS, obj("a", namespace="other"))
    assert graph.put(MAPS, obj("b", "a")).examine == ("b",)
    graph.put(NODES, {"metadata": {"uid": "n", "name": "n"}})
    node = graph.get("b")
    assert node is not None
    assert graph.is_solid(node, Owner("n", "v1", "Node", "n", False))
    assert not graph.is_solid(node, Owner("n", "v1", "Node", "m", False))


def test_foreground_deletion_looks_at_all_dependents_and_waits_for_those_that_block() -> None:
    graph = Graph()
    graph.put(MAPS, obj("a"))
    graph.put(MAPS, obj("b", "a", blocks=True))
    graph.put(MAPS, obj("c", "a"))
    work = graph.put(MAPS, obj("a", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=[FOREGROUND]))
    assert work.examine == ("a", "b", "c")
    assert [node.uid for node in graph.blockers("a")] == ["b"]
    assert graph.remove("b").examine == ("a",)
    assert graph.put(MAPS, obj("c")).examine == ()


def test_letting_go_of_a_waiting_owner_wakes_it() -> None:
    graph = Graph()
    graph.put(MAPS, obj("a", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=[FOREGROUND]))
    graph.put(MAPS, obj("b", "a", blocks=True))
    assert graph.put(MAPS, obj("b", "a")).examine == ("b", "a")


def test_orphan_finalizer_is_told_once() -> None:
    graph = Graph()
    orphaning = obj("a", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=[ORPHAN])
    assert graph.put(MAPS, orphaning).orphan == ("a",)
    assert graph.put(MAPS, orphaning).orphan == ()


def owners(*uids: str) -> tuple[Owner, ...]:
    return tuple(Owner(uid, "v1", "ConfigMap", uid, False) for uid in uids)


def test_verdicts() -> None:
    assert verdict((), {}, (), False) == Keep()
    assert verdict(owners("a"), {"a": "solid"}, (), True) == Keep()
    assert verdict(owners("a", "b"), {"a": "solid", "b": "absent"}, (), True) == Keep(("b",))
    assert verdict(owners("a"), {"a": "absent"}, (), True) == Delete("Background")
    assert verdict(owners("a"), {"a": "absent"}, (ORPHAN,), True) == Delete("Orphan")
    assert verdict(owners("a"), {"a": "absent"}, (FOREGROUND,), True) == Delete("Foreground")
    assert verdict(owners("a"), {"a": "waiting"}, (), True) == Delete("Foreground")
    assert verdict(owners("a"), {"a": "waiting"}, (), False) == Delete("Background")


class Storage:
    """The truth, of which the graph hears in its own time."""

    def __init__(self, rng: random.Random) -> None:
        self.objects: dict[str, tuple[str, ...]] = {}
        self.untold: dict[str, list[str]] = {}
        self.graph = Graph()
        self.queue: list[str] = []
        self.rng = rng

    def create(self, uid: str, owners_: tuple[str, ...]) -> None:
        self.objects[uid] = owners_
        self.untold.setdefault(uid, []).append("put")

    def delete(self, uid: str) -> None:
        if self.objects.pop(uid, None) is not None:
            self.untold.setdefault(uid, []).append("remove")

    def tell(self, uid: str, shapes: dict[str, tuple[str, ...]]) -> None:
        for what in self.untold.pop(uid, []):
            work = self.graph.put(MAPS, obj(uid, *shapes[uid])) if what == "put" else self.graph.remove(uid)
            self.queue += work.examine

    def work(self, resource_: Resource = MAPS) -> None:
        """One key, as the collector does it: the graph may clear, only the truth may condemn."""
        uid = self.queue.pop(0)
        node = self.graph.get(uid)
        if node is None or uid not in self.objects:
            return
        if all(self.graph.is_solid(node, owner) for owner in node.owners):
            return
        states: dict[str, Any] = {o.uid: "solid" if o.uid in self.objects else "absent" for o in node.owners}
        if isinstance(verdict(node.owners, states, (), False), Delete):
            assert not any(owner in self.objects for owner in self.objects[uid])
            self.delete(uid)


@given(seed=st.integers(0, 10_000), size=st.integers(1, 25))
def test_only_what_has_lost_all_owners_goes_and_all_of_it(seed: int, size: int) -> None:
    rng = random.Random(seed)
    world = Storage(rng)
    shapes: dict[str, tuple[str, ...]] = {}
    for index in range(size):
        count = rng.randint(0, min(index, 2))
        shapes[str(index)] = tuple(str(i) for i in rng.sample(range(index), count))
    for uid, parents in shapes.items():
        world.create(uid, parents)
    steps = 0
    while world.untold or world.queue or steps < size:
        steps += 1
        if steps < size and rng.random() < 0.3 and world.objects:
            world.delete(rng.choice(sorted(world.objects)))
        if world.untold and (rng.random() < 0.6 or not world.queue):
            world.tell(rng.choice(sorted(world.untold)), shapes)
        elif world.queue:
            world.work()
    for uid, parents in world.objects.items():
        assert not parents or any(p in world.objects for p in parents), uid
