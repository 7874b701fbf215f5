"""The texts of FailedScheduling, as kube-scheduler 1.36.2 gave them for the same nodes and pods."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from wherry.scheduler.decisions import Report

from . import world
from .world import node, pod, term, terms

TAINT = {"key": "k", "value": "v", "effect": "NoSchedule"}
NOT_HELPFUL = (
    "no new claims to deallocate, preemption: 0/3 nodes are available: "
    "3 Preemption is not helpful for scheduling."
)
REST = "1 node(s) had untolerated taint(s), 1 node(s) were unschedulable."
FIELD = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]}
CONFLICT = {
    "matchFields": [*FIELD["matchFields"], {"key": "metadata.name", "operator": "In", "values": ["n3"]}]
}


def only(*node_terms: Any) -> Any:
    return {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [*node_terms]}
        }
    }


CASES = {
    "cpu": (
        {"requests": {"cpu": "9", "memory": "1Gi"}},
        f"0/3 nodes are available: 1 Insufficient cpu, {REST} {NOT_HELPFUL}",
    ),
    "several": (
        {"requests": {"cpu": "5", "memory": "20Gi", "example.com/foo": "1", "ephemeral-storage": "1Gi"}},
        "0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient ephemeral-storage, "
        f"1 Insufficient example.com/foo, 1 Insufficient memory, {REST} {NOT_HELPFUL}",
    ),
    "selector": (
        {"nodeSelector": {"a": "b"}},
        f"0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, {REST} {NOT_HELPFUL}",
    ),
    "affinity": (
        {"affinity": terms(term("zone", q="r"))},
        f"0/3 nodes are available: 1 node(s) didn't match pod affinity rules, {REST} {NOT_HELPFUL}",
    ),
    "anti-affinity": (
        {"affinity": terms({"topologyKey": world.HOSTNAME, "labelSelector": {}}, anti=True)},
        f"0/3 nodes are available: 1 node(s) didn't match pod anti-affinity rules, {REST} "
        "no new claims to deallocate, preemption: 0/3 nodes are available: 1 No preemption victims found "
        "for incoming pod, 2 Preemption is not helpful for scheduling.",
    ),
    "spread": (
        {
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "nope",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"a": "b"}},
                }
            ]
        },
        "0/3 nodes are available: 1 node(s) didn't match pod topology spread constraints "
        f"(missing required label), {REST} {NOT_HELPFUL}",
    ),
    "ports": (
        {"ports": [{"containerPort": 80, "hostPort": 80}]},
        "0/3 nodes are available: 1 node(s) didn't have free ports for the requested pod ports, "
        f"{REST} no new claims to deallocate, preemption: 0/3 nodes are available: 1 No preemption victims "
        "found for incoming pod, 2 Preemption is not helpful for scheduling.",
    ),
    "named node": (
        {"affinity": only(FIELD)},
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't satisfy plugin(s) "
        f"[NodeAffinity]. {NOT_HELPFUL}",
    ),
    "unknown node": (
        {"affinity": only({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["nx"]}]})},
        f"0/3 nodes are available: 3 node(s) didn't satisfy plugin(s) [NodeAffinity]. {NOT_HELPFUL}",
    ),
    "conflict": (
        {"affinity": only(CONFLICT)},
        "0/3 nodes are available: pod affinity terms conflict. not found",
    ),
    "never preempts": (
        {"requests": {"cpu": "4"}, "priority": 9, "preemptionPolicy": "Never"},
        f"0/3 nodes are available: 1 Insufficient cpu, {REST} no new claims to deallocate, preemption: "
        "not eligible due to preemptionPolicy=Never.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_message(case: str) -> None:
    spec, expected = CASES[case]

    async def message() -> str:
        made = world.core(
            node("n1", labels={"zone": "a"}),
            node("n2", labels={"zone": "b"}, taints=[TAINT]),
            node("n3", unschedulable=True),
        )
        taken = pod("there", node="n1", requests={"cpu": "3"}, ports=CASES["ports"][0]["ports"])
        made.on_pod("added", None, taken)
        effects = world.decide(made, pod("p", labels={"a": "b"}, **spec))
        assert isinstance(effects[0], Report)
        return effects[0].message

    assert asyncio.run(message()) == expected


def test_no_nodes() -> None:
    async def message() -> str:
        effects = world.decide(world.core(), pod("p"))
        assert isinstance(effects[0], Report)
        return effects[0].message

    assert asyncio.run(message()) == "no nodes available to schedule pods"


def test_counts_sort_as_text_like_upstream() -> None:
    async def message() -> str:
        made = world.core(
            *(node(f"a{i}", taints=[TAINT]) for i in range(2)),
            *(node(f"b{i}", cpu="1") for i in range(10)),
        )
        effects = world.decide(made, pod("p", requests={"cpu": "2"}))
        assert isinstance(effects[0], Report)
        return effects[0].message

    assert asyncio.run(message()).startswith(
        "0/12 nodes are available: 10 Insufficient cpu, 2 node(s) had untolerated taint(s)."
    )


def test_a_verdict_says_what_was_asked_what_there_was_and_what_would_help() -> None:
    async def refusals() -> Any:
        made = world.core(node("n1", cpu="2"), node("n2", cpu="1"))
        world.decide(made, pod("p", requests={"cpu": "3"}))
        pending = made.queue.get("d/p")
        assert pending is not None and pending.verdict is not None
        return pending.verdict.refusals

    (only_one,) = asyncio.run(refusals())
    assert (only_one.asked, only_one.found) == ("3000m cpu", "at most 2000m free")
    assert only_one.remedy == "a larger node: none of these has 3000m in all"
    assert not only_one.by_leaving_pods
