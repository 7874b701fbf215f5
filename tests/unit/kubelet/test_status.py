from __future__ import annotations

from typing import Any

import pytest

from wherry.clock import rfc3339
from wherry.kubelet.status import Facts, pod_status
from wherry.kubelet.view import EMPTY

from .kit import NOW, box, pod, ran, seen

STARTED, ENDED = rfc3339(NOW), rfc3339(NOW + 5)
SIDE = {"name": "side", "restartPolicy": "Always"}


def facts(*runs: Any, up: tuple[str, ...] = (), **more: Any) -> Facts:
    return Facts(
        now=NOW, view=seen(*runs), ready=frozenset(up), started=frozenset(up), host_ips=("1.2.3.4",), **more
    )


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c.get("reason", "")) for c in status["conditions"]}


def test_before_anything_runs() -> None:
    status = pod_status(pod("c"), Facts(now=NOW, view=EMPTY, host_ips=("1.2.3.4",)))
    assert status["phase"] == "Pending" and "podIP" not in status
    assert status["containerStatuses"] == [
        {
            "name": "c",
            "image": "x",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "started": False,
            "state": {"waiting": {"reason": "ContainerCreating"}},
            "lastState": {},
        }
    ]
    assert conditions(status) == {
        "PodReadyToStartContainers": ("False", ""),
        "Initialized": ("True", ""),
        "Ready": ("False", "ContainersNotReady"),
        "ContainersReady": ("False", "ContainersNotReady"),
        "PodScheduled": ("True", ""),
    }
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert ready["message"] == "containers with unready status: [c]"


def test_running_and_ready() -> None:
    status = pod_status(pod("c"), facts(ran("c"), up=("c0",)))
    assert (status["phase"], status["podIP"], status["hostIP"]) == ("Running", "10.0.0.5", "1.2.3.4")
    assert all(state == ("True", "") for state in conditions(status).values())
    (container,) = status["containerStatuses"]
    assert container["state"] == {"running": {"startedAt": STARTED}}
    assert container["containerID"] == "containerd://c0" and container["ready"] and container["started"]


def test_succeeded_and_failed() -> None:
    for code, phase, reason in ((0, "Succeeded", "PodCompleted"), (3, "Failed", "PodFailed")):
        wanted = pod("c", restartPolicy="Never")
        status = pod_status(wanted, facts(ran("c", "exited", code), finished=True))
        assert status["phase"] == phase
        assert conditions(status)["Ready"] == ("False", reason)
        terminated = status["containerStatuses"][0]["state"]["terminated"]
        assert terminated["exitCode"] == code and terminated["finishedAt"] == ENDED


def test_crash_loop() -> None:
    waiting = {"c": ("CrashLoopBackOff", "back-off 10s")}
    status = pod_status(pod("c"), facts(ran("c", "exited", 1, attempt=2), waiting=waiting))
    (container,) = status["containerStatuses"]
    assert status["phase"] == "Running" and container["restartCount"] == 2
    assert container["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    assert container["lastState"]["terminated"]["exitCode"] == 1


def test_the_run_before_is_the_last_state() -> None:
    view = facts(ran("c", attempt=1), ran("c", "exited", 7), up=("c1",))
    (container,) = pod_status(pod("c"), view)["containerStatuses"]
    assert container["lastState"]["terminated"]["exitCode"] == 7
    assert container["restartCount"] == 1 and "running" in container["state"]


@pytest.mark.parametrize(
    ("runs", "phase", "initialized"),
    [
        ((), "Pending", ("False", "ContainersNotInitialized")),
        ((ran("one"),), "Pending", ("False", "ContainersNotInitialized")),
        ((ran("one", "exited"),), "Pending", ("False", "ContainersNotInitialized")),
        ((ran("one", "exited"), ran("side")), "Pending", ("True", "")),
        ((ran("one", "exited"), ran("side"), ran("c")), "Running", ("True", "")),
    ],
)
def test_initialization(runs: tuple[Any, ...], phase: str, initialized: tuple[str, str]) -> None:
    up = tuple(run.id for run in runs if run.state == "running")
    status = pod_status(pod("c", init=("one", SIDE)), facts(*runs, up=up))
    assert status["phase"] == phase and conditions(status)["Initialized"] == initialized
    first = status["initContainerStatuses"][0]
    assert first["ready"] is bool(runs and runs[0].state == "exited")
    if not runs:
        assert first["state"] == {"waiting": {"reason": "PodInitializing"}}


def test_a_failed_init_container() -> None:
    wanted = pod("c", init=("one",), restartPolicy="Never")
    status = pod_status(wanted, facts(ran("one", "exited", 1), finished=True))
    assert status["phase"] == "Failed"


def test_a_failure_of_the_pod_itself() -> None:
    status = pod_status(
        pod("c"), facts(ran("c", "exited", 137), failure=("Evicted", "low on x"), finished=True)
    )
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", "Evicted", "low on x")


def test_terminal_phases_stay() -> None:
    done = pod("c", status={"phase": "Succeeded"})
    assert pod_status(done, facts(ran("c")))["phase"] == "Succeeded"


def test_transition_times_are_kept() -> None:
    old = [{"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}]
    status = pod_status(pod("c", status={"conditions": old}), facts(ran("c"), up=("c0",)))
    times = {c["type"]: c["lastTransitionTime"] for c in status["conditions"]}
    assert times["Ready"] == "2020-01-01T00:00:00Z" and times["ContainersReady"] == STARTED


def test_readiness_gates() -> None:
    gates = [{"conditionType": "x/a"}, {"conditionType": "x/b"}]
    old = [{"type": "x/b", "status": "False"}]
    wanted = pod("c", readinessGates=gates, status={"conditions": old})
    status = pod_status(wanted, facts(ran("c"), up=("c0",)))
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert ready["reason"] == "ReadinessGatesNotReady"
    assert ready["message"] == (
        'corresponding condition of pod readiness gate "x/a" does not exist.,'
        ' the status of pod readiness gate "x/b" is not "True", but False'
    )


def test_resources_mounts_and_messages() -> None:
    container = {
        "name": "c",
        "resources": {"requests": {"cpu": "50m"}, "limits": {"memory": "1Mi"}},
        "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": True}],
    }
    wanted = pod(container, restartPolicy="Never")
    status = pod_status(wanted, facts(ran("c", "exited", 1), messages={"c0": "why"}, finished=True))
    (shown,) = status["containerStatuses"]
    assert shown["allocatedResources"] == {"cpu": "50m"}
    assert shown["resources"] == {"limits": {"memory": "1Mi"}, "requests": {"cpu": "50m"}}
    assert shown["volumeMounts"] == [
        {"name": "v", "mountPath": "/v", "readOnly": True, "recursiveReadOnly": "Disabled"}
    ]
    assert shown["state"]["terminated"]["message"] == "why"


def test_host_network_shows_the_nodes_addresses() -> None:
    view = seen(ran("c"), boxes=(box(ips=()),))
    status = pod_status(pod("c", hostNetwork=True), Facts(now=NOW, view=view, host_ips=("1.2.3.4",)))
    assert status["podIPs"] == [{"ip": "1.2.3.4"}]
