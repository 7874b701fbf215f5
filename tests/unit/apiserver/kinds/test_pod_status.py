"""What `kubectl get pods` says, case by case (upstream's printers_test.go tells the same stories)."""

import pytest

from wherry.apiserver.kinds.core.pod_status import readiness_gates, summarize

NOW = 1000.0


def status(name="a", state=None, ready=False, restarts=0, last=None, started=None):
    found = {"name": name, "ready": ready, "restartCount": restarts, "state": state or {}}
    if last:
        found["lastState"] = {"terminated": {"finishedAt": last}}
    if started is not None:
        found["started"] = started
    return found


def pod(phase, *statuses, init=(), spec=None, **more):
    made = {
        "metadata": {},
        "spec": {"containers": [{"name": s["name"]} for s in statuses] or [{"name": "a"}], **(spec or {})},
        "status": {"phase": phase, "containerStatuses": list(statuses), **more},
    }
    if init:
        made["status"]["initContainerStatuses"] = list(init)
        made["spec"]["initContainers"] = [
            {"name": s["name"], **({"restartPolicy": "Always"} if "started" in s else {})} for s in init
        ]
    return made


RUN, WAIT = {"running": {}}, {"waiting": {"reason": "ContainerCreating"}}
DONE = {"terminated": {"exitCode": 0, "reason": "Completed"}}


@pytest.mark.parametrize(
    ("made", "reason", "ready"),
    [
        (pod("Pending"), "Pending", "0/1"),
        (pod("Running", status(state=RUN, ready=True), status("b", state=RUN)), "Running", "1/2"),
        (pod("Pending", status(state=WAIT)), "ContainerCreating", "0/1"),
        (
            pod("Running", status(state={"waiting": {"reason": "CrashLoopBackOff"}})),
            "CrashLoopBackOff",
            "0/1",
        ),
        (pod("Succeeded", status(state=DONE)), "Completed", "0/1"),
        (pod("Failed", status(state={"terminated": {"exitCode": 3}})), "ExitCode:3", "0/1"),
        (pod("Failed", status(state={"terminated": {"signal": 9, "exitCode": 137}})), "Signal:9", "0/1"),
        (pod("Failed", reason="Evicted"), "Evicted", "0/1"),
        (pod("Pending", init=[status("i", state=RUN)]), "Init:0/1", "0/1"),
        (
            pod("Pending", init=[status("i", state={"waiting": {"reason": "PodInitializing"}})]),
            "Init:0/1",
            "0/1",
        ),
        (
            pod("Pending", init=[status("i", state={"waiting": {"reason": "ImagePullBackOff"}})]),
            "Init:ImagePullBackOff",
            "0/1",
        ),
        (pod("Pending", init=[status("i", state={"terminated": {"exitCode": 2}})]), "Init:ExitCode:2", "0/1"),
        (
            pod("Pending", init=[status("i", state={"terminated": {"reason": "Error", "exitCode": 1}})]),
            "Init:Error",
            "0/1",
        ),
        (
            pod(
                "Running",
                status(state=RUN, ready=True),
                init=[status("s", state=RUN, ready=True, started=True)],
            ),
            "Running",
            "2/2",
        ),
    ],
)
def test_reason(made, reason, ready):
    found = summarize(made)
    assert (found.reason, f"{found.ready}/{found.total}") == (reason, ready)


def test_completed_beside_running_says_whether_the_pod_is_ready():
    states = (status(state=DONE), status("b", state=RUN, ready=True))
    assert summarize(pod("Running", *states)).reason == "NotReady"
    ready = [{"type": "Ready", "status": "True"}]
    assert summarize(pod("Running", *states, conditions=ready)).reason == "Running"


def test_deleted():
    going = pod("Running", status(state=RUN, ready=True))
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert summarize(going).reason == "Terminating"
    going["status"]["reason"] = "NodeLost"
    assert summarize(going).reason == "Unknown"
    ended = pod("Succeeded", status(state=DONE))
    ended["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert summarize(ended).reason == "Completed"


def test_gated():
    condition = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    assert summarize(pod("Pending", conditions=[condition])).reason == "SchedulingGated"


def test_restarts_say_when():
    once = pod("Running", status(state=RUN, restarts=2, last="1970-01-01T00:15:00Z"))
    assert summarize(once).restarts_text(NOW) == "2 (100s ago)"
    assert summarize(pod("Running", status(state=RUN, restarts=2))).restarts_text(NOW) == "2"
    assert summarize(pod("Running", status(state=RUN))).restarts_text(NOW) == "0"


def test_init_restarts_are_forgotten_once_they_are_through():
    done = [status("i", state={"terminated": {"exitCode": 0}}, restarts=5)]
    assert summarize(pod("Running", status(state=RUN, restarts=1), init=done)).restarts == 1


def test_readiness_gates():
    made = pod("Running", spec={"readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]})
    made["status"]["conditions"] = [{"type": "a", "status": "True"}]
    assert readiness_gates(made) == "1/2"
    assert readiness_gates(pod("Running")) == "<none>"
