"""Pods on a real runtime: they run, report, restart, and go away."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from wherry.api.scheme import resource
from wherry.client.rest import Client

from .machine import NODE, Machine, pod
from .steps import create, delete, events_of, finish, is_ready, run, state, terminated, until

pytestmark = pytest.mark.root


def test_node_is_ready_and_says_what_it_is(machine: Machine) -> None:
    async def body(client: Client) -> None:
        node = await client.get(resource("nodes"), NODE)
        assert node.status.nodeInfo.containerRuntimeVersion.startswith("containerd://")
        assert node.status.nodeInfo.kubeletVersion == "v1.37.0"
        assert {a.type: a.address for a in node.status.addresses} == {
            "InternalIP": "172.31.9.2",
            "Hostname": NODE,
        }
        ready = next(c for c in node.status.conditions if c.type == "Ready")
        assert ready.message == "kubelet is posting ready status"
        leases = resource("leases.coordination.k8s.io")
        while not (found := await client.list(leases, "kube-node-lease")).items:
            await asyncio.sleep(0.02)
        lease = found.items[0]
        assert lease.spec.holderIdentity == NODE and lease.spec.leaseDurationSeconds == 40

    machine.run(body)


def test_a_plain_pod_runs_is_reported_and_goes(machine: Machine) -> None:
    async def body(client: Client) -> None:
        began = time.monotonic()
        found = await run(client, pod("plain", "sleep", "1000"))
        took = time.monotonic() - began
        assert found.status.phase == "Running" and found.status.podIP.startswith("10.244.77.")
        assert found.status.hostIP == "172.31.9.2"
        assert state(found).containerID.startswith("containerd://")
        assert [c.type for c in found.status.conditions] == [
            "PodReadyToStartContainers",
            "Initialized",
            "Ready",
            "ContainersReady",
            "PodScheduled",
        ]
        assert all(c.status == "True" and not c.reason for c in found.status.conditions)
        reasons = [reason for reason, _ in await events_of(client, "plain")]
        assert [r for r in reasons if r in ("Pulled", "Created", "Started")] == [
            "Pulled",
            "Created",
            "Started",
        ]
        assert took < 3.0
        await delete(client, "plain")

    machine.run(body)


def test_exit_codes_and_termination_messages(machine: Machine) -> None:
    async def body(client: Client) -> None:
        script = "echo bye > /dev/termination-log; exit 3"
        failed = await finish(client, pod("failed", "sh", "-c", script, restartPolicy="Never"))
        assert failed.status.phase == "Failed"
        assert (terminated(failed).exitCode, terminated(failed).reason) == (3, "Error")
        assert terminated(failed).message == "bye\n"
        done = await finish(client, pod("done", "true", restartPolicy="OnFailure"))
        assert done.status.phase == "Succeeded" and terminated(done).reason == "Completed"
        logs = {"terminationMessagePolicy": "FallbackToLogsOnError"}
        script = "echo from the log; exit 1"
        spoke = await finish(client, pod("spoke", "sh", "-c", script, restartPolicy="Never", container=logs))
        assert terminated(spoke).message == "from the log\n"
        missing = await finish(client, pod("nothere", "/nope", restartPolicy="Never"))
        assert (terminated(missing).exitCode, terminated(missing).reason) == (128, "StartError")

    machine.run(body)


def test_a_crashing_container_backs_off(machine: Machine) -> None:
    async def body(client: Client) -> None:
        await create(client, pod("crash", "false"))
        found = await until(
            client,
            "crash",
            lambda p: (
                bool(p.status.containerStatuses)
                and state(p).state.waiting is not None
                and state(p).state.waiting.reason == "CrashLoopBackOff"
            ),
        )
        assert state(found).restartCount == 1 and found.status.phase == "Running"
        assert state(found).lastState.terminated.exitCode == 1
        assert state(found).state.waiting.message.startswith("back-off 10s restarting failed container=c")
        await delete(client, "crash")

    machine.run(body)


def test_init_containers_and_sidecars_in_order(machine: Machine) -> None:
    init: list[dict[str, Any]] = [
        {"name": "one", "image": "busybox", "command": ["sh", "-c", "echo 1 >> /w/order"]},
        {
            "name": "side",
            "image": "busybox",
            "restartPolicy": "Always",
            "command": ["sh", "-c", "echo side >> /w/order; trap 'exit 0' TERM; while :; do sleep 0.1; done"],
        },
        {"name": "two", "image": "busybox", "command": ["sh", "-c", "echo 2 >> /w/order"]},
    ]
    mount = [{"name": "w", "mountPath": "/w"}]
    for container in init:
        container |= {"volumeMounts": mount, "imagePullPolicy": "IfNotPresent"}

    async def body(client: Client) -> None:
        wanted = pod(
            "inits",
            *("sh", "-c", "cat /w/order > /dev/termination-log"),
            restartPolicy="Never",
            initContainers=init,
            volumes=[{"name": "w", "emptyDir": {}}],
            container={"volumeMounts": mount},
        )
        found = await finish(client, wanted)
        assert found.status.phase == "Succeeded"
        assert terminated(found).message == "1\nside\n2\n"
        assert [s.restartCount for s in found.status.initContainerStatuses] == [0, 0, 0]

    machine.run(body)


def test_images_that_are_not_there(machine: Machine) -> None:
    async def body(client: Client) -> None:
        def waits(reason: str) -> Any:
            return lambda p: (
                bool(p.status.containerStatuses)
                and state(p).state.waiting is not None
                and state(p).state.waiting.reason == reason
            )

        await create(client, pod("never", "x", container={"image": "nope:1", "imagePullPolicy": "Never"}))
        await until(client, "never", waits("ErrImageNeverPull"))
        await create(client, pod("unreachable", "x", container={"image": "localhost:1/nope:1"}))
        await until(client, "unreachable", waits("ErrImagePull"))
        found = [reason for reason, _ in await events_of(client, "unreachable")]
        assert "Pulling" in found and "Failed" in found
        for name in ("never", "unreachable"):
            await delete(client, name)

    machine.run(body)


def test_graceful_end_with_hooks(machine: Machine) -> None:
    script = "trap 'echo term >> /w/log; exit 0' TERM; while :; do sleep 0.05; done"
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook >> /w/log"]}}}
    start = {"postStart": {"exec": {"command": ["sh", "-c", "echo start > /w/log"]}}}

    async def body(client: Client) -> None:
        folder = machine.folder / "shared"
        folder.mkdir()
        wanted = pod(
            "graceful",
            *("sh", "-c", script),
            terminationGracePeriodSeconds=10,
            volumes=[{"name": "w", "hostPath": {"path": str(folder), "type": "Directory"}}],
            container={"volumeMounts": [{"name": "w", "mountPath": "/w"}], "lifecycle": {**hook, **start}},
        )
        await run(client, wanted)
        began = time.monotonic()
        await delete(client, "graceful")
        assert time.monotonic() - began < 5
        assert (folder / "log").read_text().split() == ["start", "hook", "term"]

    machine.run(body)


def test_probes_decide(machine: Machine) -> None:
    probes = {
        "readinessProbe": {"exec": {"command": ["cat", "/ready"]}, "periodSeconds": 1},
        "livenessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 1},
        "startupProbe": {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1},
    }
    script = (
        "touch /index.html; httpd -p 8080 -h /; touch /ready; sleep 2; kill -9 $(pidof httpd); sleep 1000"
    )

    async def body(client: Client) -> None:
        await run(client, pod("probed", "sh", "-c", script, container=probes))
        found = await until(client, "probed", lambda p: state(p).restartCount > 0)
        assert state(found).lastState.terminated.exitCode in (137, 143)
        words = await events_of(client, "probed")
        assert ("Killing", "Container c failed liveness probe, will be restarted") in words
        refused = [text for reason, text in words if reason == "Unhealthy" and "dial tcp" in text]
        assert refused and refused[0].endswith("connect: connection refused")
        await delete(client, "probed")

    machine.run(body)


def test_a_deadline_ends_a_pod(machine: Machine) -> None:
    async def body(client: Client) -> None:
        found = await finish(client, pod("late", "sleep", "1000", activeDeadlineSeconds=1))
        assert (found.status.phase, found.status.reason) == ("Failed", "DeadlineExceeded")

    machine.run(body)


def test_out_of_memory_is_told(machine: Machine) -> None:
    async def body(client: Client) -> None:
        limits = {"resources": {"limits": {"memory": "16Mi"}}}
        found = await finish(
            client, pod("hungry", "sh", "-c", "tail /dev/zero", restartPolicy="Never", container=limits)
        )
        assert (terminated(found).exitCode, terminated(found).reason) == (137, "OOMKilled")

    machine.run(body)


def test_ready_again_after_the_kubelet_was_killed(machine: Machine) -> None:
    async def body(client: Client) -> Any:
        return await run(client, pod("survivor", "sleep", "1000"))

    before = machine.run(body)
    machine.kill("kubelet")
    machine.start_kubelet()

    async def after(client: Client) -> None:
        found = await run(client, pod("later", "sleep", "1000"))  # the new kubelet works
        assert is_ready(found)
        same = await client.get(resource("pods"), "survivor", "default")
        assert is_ready(same) and state(same).restartCount == 0
        assert state(same).state.running.startedAt == state(before).state.running.startedAt
        assert state(same).containerID == state(before).containerID
        await delete(client, "survivor")
        await delete(client, "later")

    machine.run(after)
