"""The pod failure policy: what a failed pod means for its Job. Pure.

Follows upstream's `pkg/controller/job/pod_failure_policy.go`. Not here: FailIndex, which counts as Count.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple


class Match(NamedTuple):
    action: Literal["FailJob", "Ignore", "Count", "FailIndex"]
    message: str


COUNT = Match("Count", "")


def match(job: Any, pod: Any) -> Match:
    """The first rule that fits; Count when none does."""
    policy = job.spec.podFailurePolicy
    for index, rule in enumerate(policy.rules if policy is not None else ()):
        why = _fits(rule, pod)
        if why:
            return Match(rule.action, f"{why} matching {rule.action} rule at index {index}")
    return COUNT


def _fits(rule: Any, pod: Any) -> str:
    where = f"{pod.metadata.namespace}/{pod.metadata.name}"
    if rule.onExitCodes is not None:
        return _fits_exit_code(rule.onExitCodes, pod, where)
    for pattern in rule.onPodConditions:
        for condition in pod.status.conditions:
            if condition.type == pattern.type and condition.status == (pattern.status or "True"):
                return f"Pod {where} has condition {condition.type}"
    return ""


def _fits_exit_code(wanted: Any, pod: Any, where: str) -> str:
    for status in [*pod.status.containerStatuses, *pod.status.initContainerStatuses]:
        if wanted.containerName and wanted.containerName != status.name:
            continue
        ended = status.state.terminated if status.state is not None else None
        if ended is None or not ended.exitCode:
            continue
        if (ended.exitCode in wanted.values) == (wanted.operator == "In"):
            return f"Container {status.name} for pod {where} failed with exit code {ended.exitCode}"
    return ""
