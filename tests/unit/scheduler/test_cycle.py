"""The vectorised filters against the naive ones, and the scores against upstream's numbers."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wherry.scheduler.cache import Cache, key_of
from wherry.scheduler.cycle import Cycle
from wherry.scheduler.framework import View

from . import world
from .naive import NaiveCluster
from .world import HOSTNAME, node, pod

LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["a", "b"]), max_size=2)
EFFECTS = ["NoSchedule", "NoExecute", "PreferNoSchedule"]
TAINT = st.fixed_dictionaries(
    {
        "key": st.sampled_from(["k", "l"]),
        "value": st.sampled_from(["", "v"]),
        "effect": st.sampled_from(EFFECTS),
    }
)
TOLERATION = st.fixed_dictionaries(
    {"operator": st.sampled_from(["Exists", "Equal"])},
    optional={
        "key": st.sampled_from(["k", "l", "node.kubernetes.io/unschedulable"]),
        "value": st.just("v"),
        "effect": st.sampled_from(EFFECTS),
    },
)
SELECTOR = st.one_of(st.just({}), st.fixed_dictionaries({"matchLabels": LABELS}))
KEY = st.sampled_from(["zone", "rack", HOSTNAME])
POD_TERM = st.fixed_dictionaries(
    {"topologyKey": KEY, "labelSelector": SELECTOR},
    optional={"namespaces": st.lists(st.sampled_from(["d", "e"]), min_size=1, max_size=2)},
)
EXPRESSION = st.one_of(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(["zone", "size"]),
            "operator": st.sampled_from(["In", "NotIn"]),
            "values": st.lists(st.sampled_from(["z0", "z1", "3", "8"]), min_size=1, max_size=2),
        }
    ),
    st.fixed_dictionaries(
        {"key": st.sampled_from(["zone", "size"]), "operator": st.sampled_from(["Exists", "DoesNotExist"])}
    ),
    st.fixed_dictionaries(
        {"key": st.just("size"), "operator": st.sampled_from(["Gt", "Lt"]), "values": st.just(["5"])}
    ),
)
NODE_TERM = st.fixed_dictionaries(
    {},
    optional={
        "matchExpressions": st.lists(EXPRESSION, max_size=2),
        "matchFields": st.lists(
            st.fixed_dictionaries(
                {
                    "key": st.just("metadata.name"),
                    "operator": st.sampled_from(["In", "NotIn"]),
                    "values": st.sampled_from([["n0"], ["n1"], ["n9"]]),
                }
            ),
            max_size=1,
        ),
    },
)
SPREAD = st.fixed_dictionaries(
    {
        "maxSkew": st.integers(1, 2),
        "topologyKey": KEY,
        "whenUnsatisfiable": st.just("DoNotSchedule"),
        "labelSelector": SELECTOR,
    },
    optional={
        "minDomains": st.integers(1, 4),
        "nodeAffinityPolicy": st.sampled_from(["Honor", "Ignore"]),
        "nodeTaintsPolicy": st.sampled_from(["Honor", "Ignore"]),
    },
)
PORT = st.fixed_dictionaries(
    {"containerPort": st.just(80), "hostPort": st.sampled_from([80, 81])},
    optional={
        "hostIP": st.sampled_from(["10.0.0.1", "0.0.0.0"]),
        "protocol": st.sampled_from(["TCP", "UDP"]),
    },
)


@st.composite
def nodes(draw: st.DrawFn) -> Any:
    labels = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "zone": st.sampled_from(["z0", "z1", "z2"]),
                "rack": st.sampled_from(["r0", "r1"]),
                "size": st.sampled_from(["3", "8", "large"]),
            },
        )
    )
    return node(
        f"n{draw(st.integers(0, 5))}",
        cpu=draw(st.sampled_from(["1", "2"])),
        pods=draw(st.sampled_from(["2", "9"])),
        labels=labels,
        taints=draw(st.lists(TAINT, max_size=1)),
        unschedulable=draw(st.booleans()) and draw(st.booleans()),
    )


@st.composite
def pods(draw: st.DrawFn) -> Any:
    affinity: dict[str, Any] = {}
    if draw(st.booleans()):
        affinity |= world.terms(*draw(st.lists(POD_TERM, max_size=2)))
    if draw(st.booleans()):
        affinity |= world.terms(*draw(st.lists(POD_TERM, max_size=2)), anti=True)
    if draw(st.booleans()):
        selector = {"nodeSelectorTerms": draw(st.lists(NODE_TERM, min_size=1, max_size=2))}
        affinity["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": selector}
    spec: dict[str, Any] = {"affinity": affinity} if affinity else {}
    gone = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if draw(st.integers(0, 5)) == 0 else {}
    return pod(
        f"p{draw(st.integers(0, 11))}",
        namespace=draw(st.sampled_from(["d", "e"])),
        labels=draw(LABELS),
        requests=draw(st.sampled_from([{}, {"cpu": "300m"}, {"cpu": "1500m"}, {"example.com/gpu": "1"}])),
        ports=draw(st.lists(PORT, max_size=1)),
        nodeSelector=draw(st.sampled_from([{}, {}, {"zone": "z0"}])),
        tolerations=draw(st.lists(TOLERATION, max_size=1)),
        topologySpreadConstraints=draw(st.lists(SPREAD, max_size=2)),
        meta=gone,
        **spec,
    )


def placed_on(wanted: Any, name: str) -> Any:
    body = {
        "metadata": world_obj(wanted)["metadata"],
        "spec": {**world_obj(wanted)["spec"], "nodeName": name},
    }
    return world.typed("Pod", body)


def world_obj(value: Any) -> Any:
    from wherry.api.schema import to_obj

    return to_obj(value)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("node"), nodes()),
        st.tuples(st.just("drop"), st.integers(0, 5)),
        st.tuples(st.just("place"), pods(), st.integers(0, 5)),
        st.tuples(st.just("remove"), st.integers(0, 11)),
        st.tuples(st.just("ask"), pods()),
    ),
    min_size=4,
    max_size=24,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_feasible_nodes_are_those_of_the_naive_filters(steps: list[tuple[Any, ...]]) -> None:
    naive, cache = NaiveCluster(), Cache()
    cycle = Cycle(View(cache.nodes, cache.placed), random.Random(1))
    for step in steps:
        match step:
            case ("node", made):
                naive.nodes[made.metadata.name] = made
                cache.set_node(made)
            case ("drop", number):
                naive.nodes.pop(f"n{number}", None)
                cache.remove_node(f"n{number}")
            case ("place", wanted, number):
                there = placed_on(wanted, f"n{number}")
                naive.pods[key_of(there)] = there
                cache.set_pod(there)
            case ("remove", number):
                for namespace in ("d", "e"):
                    naive.pods.pop(f"{namespace}/p{number}", None)
                    cache.remove_pod(f"{namespace}/p{number}")
            case ("ask", wanted):
                _compare(cycle, cache, naive, wanted)
    assert cache.nodes.used[3].sum() == len(naive.pods)


def _compare(cycle: Cycle, cache: Cache, naive: NaiveCluster, wanted: Any) -> None:
    ask = cache.asks.of(wanted)
    expected = naive.feasible(wanted)
    for _ in range(2):  # the second time from what was kept
        choice = cycle.choose(ask)
        chosen = cache.nodes.names[choice.row] if choice.row is not None else None
        assert (chosen in expected) if expected else chosen is None
        assert choice.feasible == len(expected)
    one_by_one = {n for n, row in cache.nodes.rows.items() if cycle.fits(ask, row)}
    assert one_by_one == expected
    if choice.verdict is not None and choice.verdict.refusals:
        refused = {row for refusal in choice.verdict.refusals for row in refusal.rows}
        assert {cache.nodes.names[row] for row in refused} == set(naive.nodes)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(nodes(), min_size=2, max_size=6), st.lists(pods(), min_size=1, max_size=12), st.integers(0, 9)
)
def test_kept_results_equal_fresh_ones(made: list[Any], wanted: list[Any], seed: int) -> None:
    cache, draws = Cache(), random.Random(seed)
    kept = Cycle(View(cache.nodes, cache.placed), random.Random(seed))
    for each in made:
        cache.set_node(each)
    for number, each in enumerate(wanted):
        ask = cache.asks.of(each)
        fresh = Cycle(View(cache.nodes, cache.placed), random.Random(0))
        first = kept.choose(ask)
        again = fresh.choose(ask)
        assert (first.feasible, first.verdict) == (again.feasible, again.verdict)
        target = draws.choice(made).metadata.name
        cache.set_pod(placed_on(pod(f"q{number}", requests={"cpu": "100m"}), target))
        if draws.random() < 0.3:
            cache.set_node(node(target, cpu="3", labels={"zone": "z9"}))


def final_scores(nodes_: list[Any], there: list[Any], wanted: Any) -> dict[str, dict[str, int]]:
    """Weighted scores by plugin and node, as the reference logs them at -v=10."""
    cache = Cache()
    for each in nodes_:
        cache.set_node(each)
    for each in there:
        cache.set_pod(each)
    view = View(cache.nodes, cache.placed)
    cycle = Cycle(view, random.Random(1))
    ask = cache.asks.of(wanted)
    import numpy as np

    rows = np.arange(cache.nodes.size)
    return {
        scorer.name: {
            name: int(value) * scorer.weight
            for name, value in zip(
                cache.nodes.names,
                scorer.normalize(ask, view, scorer.score(ask, view, rows)),
                strict=True,
            )
        }
        for scorer in cycle.scorers
        if scorer.applies(ask, view)
    }


def _reference_nodes() -> list[Any]:
    return [
        node("n4", cpu="8", labels={"zone": "a"}),
        node("n5", cpu="6", labels={"zone": "b"}),
        node("n1", cpu="4", labels={"zone": "a"}),
    ]


ASKED = {"cpu": "1", "memory": "2Gi"}


@pytest.mark.parametrize(
    ("there", "fit", "balanced"),
    [
        ([], [81, 79, 75], [71, 72, 75]),
        (["n4"], [62, 79, 75], [72, 72, 75]),
        (["n4", "n5"], [62, 58, 75], [72, 73, 75]),
    ],
)
def test_resource_scores_are_those_of_the_reference(
    there: list[str], fit: list[int], balanced: list[int]
) -> None:
    placed = [pod(f"s{i}", node=n, requests=ASKED) for i, n in enumerate(there)]
    found = final_scores(_reference_nodes(), placed, pod("new", requests=ASKED))
    assert list(found["NodeResourcesFit"].values()) == fit
    assert list(found["NodeResourcesBalancedAllocation"].values()) == balanced


def test_spread_scores_are_those_of_the_reference() -> None:
    soft = {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"a": "b"}},
    }
    placed = [
        pod(f"s{i}", node=n, requests=ASKED, labels={"a": "b"}) for i, n in enumerate(["n4", "n5", "n1"])
    ]
    new = pod(
        "s4",
        labels={"a": "b"},
        requests={"cpu": "1", "memory": "512Mi"},
        topologySpreadConstraints=[soft],
    )
    found = final_scores(_reference_nodes(), placed, new)
    assert found["PodTopologySpread"] == {"n4": 66 + 0, "n5": 200, "n1": 66}
    assert list(found["NodeResourcesFit"].values()) == [71, 67, 59]
    assert list(found["NodeResourcesBalancedAllocation"].values()) == [76, 76, 70]


def test_taints_and_preferences_move_the_score() -> None:
    prefer = {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 10,
                    "preference": {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]},
                }
            ]
        }
    }
    tainted = node("t", taints=[{"key": "k", "effect": "PreferNoSchedule"}])
    found = final_scores([node("b", labels={"zone": "b"}), tainted], [], pod("p", affinity=prefer))
    assert found["TaintToleration"] == {"b": 300, "t": 0}
    assert found["NodeAffinity"] == {"b": 200, "t": 0}


def test_images_count_by_size_and_spread() -> None:
    image = {"names": ["app:latest"], "sizeBytes": 600 * 1024 * 1024}
    found = final_scores([node("a", images=[image]), node("b")], [], pod("p", image="app"))
    assert found["ImageLocality"] == {"a": 28, "b": 0}


def test_pods_near_and_away_score() -> None:
    zones = [
        node("a", labels={"zone": "x"}),
        node("b", labels={"zone": "y"}),
        node("c", labels={"zone": "y"}),
    ]
    near = world.terms(preferred=[(10, world.term("zone", app="db"))])
    found = final_scores(zones, [pod("db", node="b", labels={"app": "db"})], pod("p", affinity=near))
    assert found["InterPodAffinity"] == {"a": 0, "b": 200, "c": 200}
    away = world.terms(anti=True, preferred=[(10, world.term("zone", app="db"))])
    found = final_scores(zones, [pod("db", node="b", labels={"app": "db"})], pod("p", affinity=away))
    assert found["InterPodAffinity"] == {"a": 200, "b": 0, "c": 0}


def test_equal_nodes_are_drawn_from_by_seed() -> None:
    async def placed(seed: int) -> list[str | None]:
        made = world.core(*(node(f"n{i}") for i in range(8)), seed=seed)
        return [world.node_of(world.decide(made, pod(f"p{i}"))) for i in range(16)]

    first, again, other = (asyncio.run(placed(seed)) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert sorted(first[:8]) == [f"n{i}" for i in range(8)]
