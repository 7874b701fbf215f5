"""Counting each finished pod exactly once, though the controller may die at any moment. Pure.

    pod ends          finalizer on      not in status
    1. status write   finalizer on      uid in uncountedTerminatedPods
    2. pod patch      finalizer off     uid in uncountedTerminatedPods
    3. status write   finalizer off     counted, uid dropped

A pod with the finalizer cannot vanish before it is in the status; a uid leaves `uncounted` only when
its pod has no finalizer any more. Succeeded pods of an Indexed job need no uid: their index is in the
status or it is not. Follows upstream's `trackJobStatusAndRemoveFinalizers`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from wherry.controllers import pods
from wherry.controllers.job import indexes, policy

FINALIZER = "batch.kubernetes.io/job-tracking"
MAX_UNCOUNTED = 500


@dataclass(slots=True)
class Account:
    succeeded: int = 0
    failed: int = 0
    """Counted for good."""

    waiting_succeeded: list[str] = field(default_factory=list)
    waiting_failed: list[str] = field(default_factory=list)
    """Uids, in `uncountedTerminatedPods`."""

    done: set[int] = field(default_factory=set)
    """Completed indexes."""

    release: list[Any] = field(default_factory=list)
    """Pods to take the finalizer off once the status is written."""

    tracked: int = 0
    """Pods that still have the finalizer."""

    failures: list[Any] = field(default_factory=list)
    """Failed pods that are met for the first time."""

    fail_job: str = ""
    """Why the pod failure policy ends the Job."""

    @property
    def all_succeeded(self) -> int:
        return self.succeeded + len(self.waiting_succeeded)

    @property
    def all_failed(self) -> int:
        return self.failed + len(self.waiting_failed)

    @property
    def settled(self) -> bool:
        return not (self.waiting_succeeded or self.waiting_failed or self.tracked)


def account(job: Any, owned: list[Any], *, ending: bool) -> Account:
    """`ending`: the Job's fate is sealed, all pods that have not succeeded count as failed."""
    result = _carried_over(job, owned)
    waiting = {*result.waiting_succeeded, *result.waiting_failed}
    for pod in owned:
        if FINALIZER not in pod.metadata.finalizers:
            continue
        result.tracked += 1
        if pod.metadata.uid in waiting:
            result.release.append(pod)
        elif len(result.release) < MAX_UNCOUNTED:
            _meet(job, pod, ending, result)
    if indexes.is_indexed(job):
        result.succeeded = len(result.done)
    return result


def _carried_over(job: Any, owned: list[Any]) -> Account:
    """The status, with those uids counted whose pods have been let go."""
    status, held = job.status, {p.metadata.uid for p in owned if FINALIZER in p.metadata.finalizers}
    result = Account(status.succeeded or 0, status.failed or 0)
    if indexes.is_indexed(job):
        result.done = indexes.parse(status.completedIndexes or "", job.spec.completions or 0)
    uncounted = status.uncountedTerminatedPods
    for uid in uncounted.succeeded if uncounted is not None else ():
        if uid in held:
            result.waiting_succeeded.append(uid)
        else:
            result.succeeded += 1
    for uid in uncounted.failed if uncounted is not None else ():
        if uid in held:
            result.waiting_failed.append(uid)
        else:
            result.failed += 1
    return result


def _meet(job: Any, pod: Any, ending: bool, result: Account) -> None:
    if pod.status.phase == "Succeeded":
        index = indexes.of(pod)
        if not indexes.is_indexed(job):
            result.waiting_succeeded.append(pod.metadata.uid)
        elif index is not None and index < (job.spec.completions or 0):
            result.done.add(index)
        result.release.append(pod)
    elif has_failed(job, pod) or ending:
        found = policy.match(job, pod)
        if found.action == "FailJob" and not result.fail_job:
            result.fail_job = found.message
        if found.action != "Ignore" or ending:
            result.waiting_failed.append(pod.metadata.uid)
            result.failures.append(pod)
        result.release.append(pod)
    elif job.spec.suspend and pods.is_terminating(pod):
        result.release.append(pod)


def has_failed(job: Any, pod: Any) -> bool:
    """Failed, or deleted by somebody: it may never reach its end. Unless the Job is to replace failed
    pods only, or deletes them itself because it is suspended."""
    if pod.status.phase == "Failed":
        return True
    if job.spec.suspend or only_failed_are_replaced(job):
        return False
    return pods.is_terminating(pod)


def only_failed_are_replaced(job: Any) -> bool:
    return bool(job.spec.podReplacementPolicy == "Failed" or job.spec.podFailurePolicy is not None)
