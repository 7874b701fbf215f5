from __future__ import annotations

import random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from wherry.api.schema import Obj, to_obj
from wherry.clock import rfc3339
from wherry.controllers import pods
from wherry.controllers.job import indexes
from wherry.controllers.job.backoff import Backoff
from wherry.controllers.job.plan import is_finished, plan, status_of
from wherry.controllers.job.policy import match
from wherry.controllers.job.tracking import FINALIZER, account
from wherry.controllers.job.ttl import expires_in

from .world import NOW, pod, typed


def job(status: Obj | None = None, **spec: Any) -> Any:
    full = {"parallelism": 1, "completions": 1, "backoffLimit": 6, "template": {"spec": {}}, **spec}
    metadata = {"name": "j", "namespace": "ns", "uid": "j"}
    return typed(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": full, "status": status or {}}
    )


def worker(name: str, phase: str = "Running", index: int | None = None, **meta: Any) -> Any:
    annotations = {} if index is None else {indexes.INDEX: str(index)}
    finalizers = meta.pop("finalizers", [FINALIZER])
    return pod(name, phase=phase, finalizers=finalizers, annotations=annotations, ready=False, **meta)


@given(st.sets(st.integers(0, 60)))
def test_indexes_read_what_they_wrote(found: set[int]) -> None:
    assert indexes.parse(indexes.render(found), 61) == found


def test_index_text_is_upstreams() -> None:
    assert indexes.render([0, 1, 2, 5, 7, 8]) == "0-2,5,7,8"
    assert indexes.parse("0-9,x,3-", 4) == {0, 1, 2, 3}
    assert indexes.missing(2, 5, {0, 2}, [worker("a", index=1)]) == [3, 4]


class World:
    """A Job whose controller may die between any two writes, and see old state of its pods."""

    def __init__(self, subject: Any, rng: random.Random) -> None:
        self.job = subject
        self.pods: dict[str, Any] = {}
        self.rng = rng
        self.made = self.succeeded = 0
        self.failed = 0

    def reconcile(self) -> None:
        owned = list(self.pods.values())
        counted = account(self.job, owned, ending=False)
        todo = plan(self.job, owned, counted, 0.0, NOW)
        if todo.fate is not None:
            counted = account(self.job, owned, ending=True)
        active = sum(map(pods.is_active, owned))
        for one in todo.delete:
            del self.pods[one.metadata.name]
        for number in range(todo.create):
            index = todo.indexes[number] if todo.indexes else None
            self.pods[f"p{self.made}"] = worker(f"p{self.made}", index=index)
            self.made += 1
        if self.rng.random() < 0.2:
            return
        status = status_of(self.job, owned, counted, todo, active + todo.create - len(todo.delete), NOW)
        self.job = typed({**to_obj(self.job), "status": status})
        for one in counted.release:
            if self.rng.random() < 0.7 and one.metadata.name in self.pods:
                bare = msgspec.structs.replace(one.metadata, finalizers=[])
                self.pods[one.metadata.name] = msgspec.structs.replace(one, metadata=bare)

    def live(self) -> None:
        for name, one in list(self.pods.items()):
            if one.status.phase == "Running" and self.rng.random() < 0.5:
                good = self.rng.random() < 0.6
                self.succeeded += good
                self.failed += not good
                phase = "Succeeded" if good else "Failed"
                status = msgspec.structs.replace(one.status, phase=phase)
                self.pods[name] = msgspec.structs.replace(one, status=status)
            elif pods.is_finished(one) and not one.metadata.finalizers and self.rng.random() < 0.3:
                del self.pods[name]


@given(
    seed=st.integers(0, 5000),
    completions=st.integers(1, 8),
    parallelism=st.integers(1, 4),
    mode=st.sampled_from(["NonIndexed", "Indexed"]),
)
def test_every_pod_is_counted_once_however_often_the_controller_dies(
    seed: int, completions: int, parallelism: int, mode: str
) -> None:
    subject = job(completions=completions, parallelism=parallelism, backoffLimit=1000, completionMode=mode)
    world = World(subject, random.Random(seed))
    for _ in range(400):
        world.reconcile()
        assert sum(map(pods.is_active, world.pods.values())) <= parallelism
        world.live()
        if is_finished(world.job):
            break
    status = world.job.status
    assert any(c.type == "Complete" for c in status.conditions)
    assert status.succeeded == completions == world.succeeded
    assert (status.failed or 0) == world.failed
    if mode == "Indexed":
        assert indexes.parse(status.completedIndexes, completions) == set(range(completions))


def fate(subject: Any, *owned: Any) -> str:
    found = plan(subject, list(owned), account(subject, list(owned), ending=False), 0.0, NOW).fate
    return "" if found is None else found.reason


def test_fates() -> None:
    assert fate(job(), worker("a", "Succeeded")) == "CompletionsReached"
    assert fate(job(backoffLimit=0), worker("a", "Failed")) == "BackoffLimitExceeded"
    assert fate(job(backoffLimit=1), worker("a", "Failed")) == ""
    late = {"startTime": rfc3339(NOW - 10)}
    assert fate(job(late, activeDeadlineSeconds=5), worker("a")) == "DeadlineExceeded"
    assert fate(job(late, activeDeadlineSeconds=5, suspend=True), worker("a")) == ""
    assert fate(job(completions=None, parallelism=2), worker("a", "Succeeded"), worker("b")) == ""
    assert fate(job(completions=None), worker("a", "Succeeded")) == "CompletionsReached"
    assert fate(job(completions=0)) == "CompletionsReached"


def test_deadline_wakes() -> None:
    status = {"startTime": rfc3339(NOW - 2)}
    subject = job(status, activeDeadlineSeconds=5)
    assert plan(subject, [worker("a")], account(subject, [worker("a")], ending=False), 0.0, NOW).wake == 3


def test_end_comes_in_two_steps() -> None:
    subject, done = job(), worker("a", "Succeeded")
    counted = account(subject, [done], ending=False)
    todo = plan(subject, [done], counted, 0.0, NOW)
    first = status_of(subject, [done], counted, todo, 0, NOW)
    assert [c["type"] for c in first["conditions"]] == ["SuccessCriteriaMet"]
    assert first["uncountedTerminatedPods"] == {"succeeded": ["uid-a"]}
    subject, free = job(first), worker("a", "Succeeded", finalizers=[])
    counted = account(subject, [free], ending=True)
    todo = plan(subject, [free], counted, 0.0, NOW)
    second = status_of(subject, [free], counted, todo, 0, NOW)
    assert [c["type"] for c in second["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    assert (second["succeeded"], second["uncountedTerminatedPods"]) == (1, {})
    assert second["completionTime"] == rfc3339(NOW)


def test_suspended_job_deletes_its_pods_and_forgets_its_start() -> None:
    subject = job({"startTime": rfc3339(NOW - 9)}, suspend=True, parallelism=2)
    owned = [worker("a"), worker("b")]
    counted = account(subject, owned, ending=False)
    todo = plan(subject, owned, counted, 0.0, NOW)
    assert len(todo.delete) == 2
    status = status_of(subject, owned, counted, todo, 0, NOW)
    assert "startTime" not in status
    assert [(c["type"], c["status"], c["reason"]) for c in status["conditions"]] == [
        ("Suspended", "True", "JobSuspended")
    ]
    resumed = job(status, suspend=False)
    again = status_of(resumed, [], account(resumed, [], ending=False), todo, 0, NOW)
    assert again["startTime"] == rfc3339(NOW)
    assert again["conditions"][0]["reason"] == "JobResumed"


def test_backoff_doubles_and_resets() -> None:
    backoff = Backoff()
    assert backoff.remaining(NOW) == 0
    for wait in (10, 20, 40):
        backoff.note([worker("a", "Failed")], False, NOW)
        assert backoff.remaining(NOW) == wait
    backoff.note([], True, NOW)
    assert backoff.remaining(NOW) == 0
    backoff.failures, backoff.last = 30, NOW
    assert backoff.remaining(NOW) == 600


def test_failure_policy() -> None:
    ended = {"terminated": {"exitCode": 42}}
    status = {"name": "c", "image": "", "imageID": "", "ready": False, "restartCount": 0, "state": ended}
    failed = worker("a", "Failed", containerStatuses=[status])
    rules = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
    ]
    subject = job(podFailurePolicy={"rules": rules})
    assert match(subject, failed).message == (
        "Container c for pod ns/a failed with exit code 42 matching FailJob rule at index 1"
    )
    assert fate(subject, failed) == "PodFailurePolicy"


def test_time_to_live_counts_from_the_end() -> None:
    end = {"type": "Complete", "status": "True", "lastTransitionTime": rfc3339(NOW - 4)}
    assert expires_in(job({"conditions": [end]}, ttlSecondsAfterFinished=10), NOW) == 6
    assert expires_in(job({"conditions": [end]}, ttlSecondsAfterFinished=3), NOW) == 0
    assert expires_in(job({}, ttlSecondsAfterFinished=3), NOW) is None
