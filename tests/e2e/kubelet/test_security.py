"""Users, capabilities, namespaces and limits as containers see them."""

from __future__ import annotations

import pytest

from wherry.client.rest import Client

from .machine import NODE, Machine, pod
from .steps import PODS, create, delete, finish, run, state, until
from .test_volumes import say

pytestmark = pytest.mark.root


def test_users_and_privileges(machine: Machine) -> None:
    async def body(client: Client) -> None:
        context = {
            "runAsUser": 1000,
            "runAsGroup": 3000,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        text = await say(
            client,
            "user",
            "id -u; id -g; id -G; touch /x 2>&1 | grep -c Read-only;"
            " grep -E 'NoNewPrivs|Seccomp:|CapBnd' /proc/self/status",
            securityContext={"fsGroup": 2000, "supplementalGroups": [4000]},
            volumes=[{"name": "v", "emptyDir": {}}],
            container={"securityContext": context, "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
        )
        words = text.split()
        assert words[:2] == ["1000", "3000"]
        assert set(words[2:5]) == {"3000", "2000", "4000"} and words[5] == "1"
        assert words[6:] == ["CapBnd:", "0000000000000000", "NoNewPrivs:", "1", "Seccomp:", "2"]

    machine.run(body)


def test_root_is_refused_where_it_must_not_be(machine: Machine) -> None:
    async def body(client: Client) -> None:
        await create(client, pod("root", "true", securityContext={"runAsNonRoot": True}))
        found = await until(
            client,
            "root",
            lambda p: bool(p.status.containerStatuses) and _reason(p) == "CreateContainerConfigError",
        )
        message = state(found).state.waiting.message
        assert message.startswith(
            'container has runAsNonRoot and image will run as root (pod: "root_default('
        )
        await delete(client, "root")

    machine.run(body)


def _reason(found: object) -> str:
    waiting = state(found).state.waiting
    return waiting.reason if waiting is not None else ""


def test_host_namespaces(machine: Machine) -> None:
    async def body(client: Client) -> None:
        text = await say(
            client, "hostnet", "hostname; ip addr show uplink | grep -c 172.31.9.2", hostNetwork=True
        )
        assert text.split() == [NODE, "1"]
        text = await say(client, "hostpid", "cat /proc/1/cmdline", hostPID=True)
        assert "python" in text
        text = await say(client, "shared", "cat /proc/1/cmdline", shareProcessNamespace=True)
        assert text.startswith("/pause")

    machine.run(body)


def test_limits_reach_the_kernel(machine: Machine) -> None:
    async def body(client: Client) -> None:
        resources = {
            "requests": {"cpu": "100m", "memory": "16Mi"},
            "limits": {"cpu": "200m", "memory": "32Mi"},
        }
        found = await run(client, pod("limits", "sleep", "1000", container={"resources": resources}))
        assert found.status.qosClass == "Burstable"
        if not (machine.cgroup_root / "memory").is_dir():
            pytest.skip("reads cgroup v1 files")
        path = f"{machine.cgroup.lstrip('/')}/kubepods/burstable/pod{found.metadata.uid}"
        memory, cpu = machine.cgroup_root / "memory" / path, machine.cgroup_root / "cpu" / path
        assert int((memory / "memory.limit_in_bytes").read_text()) == 32 << 20
        assert int((cpu / "cpu.cfs_quota_us").read_text()) == 20_000
        assert int((cpu / "cpu.shares").read_text()) == 102
        inner = [p for p in cpu.iterdir() if p.is_dir()]
        assert 20_000 in [int((p / "cpu.cfs_quota_us").read_text()) for p in inner]
        assert len(inner) == 2  # the container and the sandbox
        await delete(client, "limits")

    machine.run(body)


def test_ephemeral_containers_see_their_target(machine: Machine) -> None:
    debugger = {
        "name": "debug",
        "image": "busybox",
        "imagePullPolicy": "IfNotPresent",
        "targetContainerName": "c",
        "command": ["sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline > /dev/termination-log"],
    }

    async def body(client: Client) -> None:
        found = await run(client, pod("debugged", "sleep", "1234"))
        change = {"spec": {"ephemeralContainers": [debugger]}}
        await client.patch(
            PODS, "debugged", change, "default", kind="strategic", subresource="ephemeralcontainers"
        )
        found = await until(
            client,
            "debugged",
            lambda p: (
                bool(p.status.ephemeralContainerStatuses)
                and p.status.ephemeralContainerStatuses[0].state.terminated is not None
            ),
        )
        ended = found.status.ephemeralContainerStatuses[0].state.terminated
        assert ended.message == "sleep 1234 "
        await delete(client, "debugged")

    machine.run(body)


def test_pods_that_do_not_fit_are_refused(machine: Machine) -> None:
    async def body(client: Client) -> None:
        resources = {"requests": {"cpu": "1000"}}
        found = await finish(client, pod("huge", "true", container={"resources": resources}))
        assert (found.status.phase, found.status.reason) == ("Failed", "OutOfcpu")
        assert found.status.message.startswith(
            "Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: "
        )
        context = {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}
        found = await finish(client, pod("sysctl", "true", securityContext=context))
        assert found.status.reason == "SysctlForbidden"

    machine.run(body)
