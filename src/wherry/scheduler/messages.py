"""Upstream's words for what the scheduler found (`framework.FitError`, events, conditions)."""

from __future__ import annotations

from collections import Counter

from wherry.scheduler.framework import Verdict

NO_NODES = "no nodes available to schedule pods"
# Upstream's dynamic-resource plugin has its say in every failure, claims or not.
_NO_CLAIMS = "no new claims to deallocate"
# What upstream's preemption says when a pod's own terms ruled every node out.
_NOT_FOUND = "not found"
NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
NEVER = "not eligible due to preemptionPolicy=Never."
TERMINATING_VICTIM = "not eligible due to a terminating pod on the nominated node."


def fit_error(verdict: Verdict) -> str:
    """`0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.`"""
    head = f"0/{verdict.nodes} nodes are available:"
    if verdict.conflict:
        return f"{head} {verdict.conflict}."
    counts = Counter[str]()
    for refusal in verdict.refusals:
        counts[refusal.reason] += len(refusal.rows)
    return _reasons(head, counts)


def failed_preemption(nodes: int, reasons: Counter[str]) -> str:
    """The same form, for what preemption found on each node; unnamed nodes were not worth a try."""
    counts = Counter(reasons)
    rest = nodes - counts.total()
    if rest > 0:
        counts[NOT_HELPFUL] += rest
    return _reasons(f"0/{nodes} nodes are available:", counts)


def unschedulable(verdict: Verdict, preemption: str) -> str:
    """The whole message of the FailedScheduling event; `preemption` empty when victims were found."""
    if not verdict.nodes:
        return NO_NODES
    text = fit_error(verdict)
    if verdict.conflict:
        return f"{text} {_NOT_FOUND}"
    return f"{text} {_NO_CLAIMS}, preemption: {preemption}" if preemption else text


def _reasons(head: str, counts: Counter[str]) -> str:
    # Upstream sorts the finished strings, so "10 x" comes before "2 x".
    parts = sorted(f"{count} {reason}" for reason, count in counts.items())
    return f"{head} {', '.join(parts)}."
