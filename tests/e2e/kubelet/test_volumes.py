"""Volumes, environment and files of real pods."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from wherry.api.scheme import resource
from wherry.client.rest import Client

from .machine import Machine, pod
from .steps import create, delete, events_of, finish, run, terminated, until

pytestmark = pytest.mark.root

CONFIGMAPS, SECRETS = resource("configmaps"), resource("secrets")


async def say(client: Client, name: str, script: str, **spec: Any) -> str:
    """What a pod writes as its termination message."""
    script = f"({script}) > /dev/termination-log 2>&1"
    found = await finish(client, pod(name, "sh", "-c", script, restartPolicy="Never", **spec))
    return terminated(found).message or ""


def mounted(**volumes: Any) -> dict[str, Any]:
    mounts = [{"name": name, "mountPath": f"/{name}"} for name in volumes]
    return {
        "volumes": [{"name": name, **source} for name, source in volumes.items()],
        "container": {"volumeMounts": mounts},
    }


def test_data_volumes(machine: Machine) -> None:
    async def body(client: Client) -> None:
        config = {"metadata": {"name": "conf"}, "data": {"a.txt": "alpha", "b.txt": "beta"}}
        await client.create(CONFIGMAPS, config, "default")
        secret = {"metadata": {"name": "sec"}, "data": {"key": base64.b64encode(b"hidden").decode()}}
        await client.create(SECRETS, secret, "default")
        sources = mounted(
            conf={"configMap": {"name": "conf", "items": [{"key": "a.txt", "path": "deep/a", "mode": 256}]}},
            sec={"secret": {"secretName": "sec", "defaultMode": 256}},
            down={
                "downwardAPI": {
                    "items": [
                        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                        {
                            "path": "mem",
                            "resourceFieldRef": {"containerName": "c", "resource": "limits.memory"},
                        },
                    ]
                }
            },
            none={"configMap": {"name": "missing", "optional": True}},
        )
        sources["container"]["resources"] = {"limits": {"memory": "64Mi"}}
        text = await say(
            client,
            "data",
            "cat /conf/deep/a; stat -Lc ' %a' /conf/deep/a; cat /sec/key; stat -Lc ' %a' /sec/key;"
            " cat /down/labels; echo; cat /down/mem; echo; ls /none; grep -c ' /sec tmpfs ro' /proc/mounts",
            metadata={"labels": {"x": "y"}},
            **sources,
        )
        assert text.split() == ["alpha", "400", "hidden", "400", 'x="y"', "67108864", "1"]

    machine.run(body)


def test_service_account_token_and_projected_volume(machine: Machine) -> None:
    async def body(client: Client) -> None:
        folder = "/var/run/secrets/kubernetes.io/serviceaccount"
        text = await say(
            client,
            "token",
            f"cat {folder}/namespace; echo; cut -d. -f2 {folder}/token; wc -l < {folder}/ca.crt",
        )
        namespace, payload, lines = text.split()
        claims = base64.urlsafe_b64decode(payload + "===").decode()
        assert namespace == "default" and int(lines) > 5
        assert "system:serviceaccount:default:default" in claims and '"pod"' in claims

    machine.run(body)


def test_files_are_published_by_links(machine: Machine) -> None:
    async def body(client: Client) -> None:
        await client.create(CONFIGMAPS, {"metadata": {"name": "live"}, "data": {"k": "old"}}, "default")
        text = await say(
            client,
            "links",
            "readlink /live/k; ls -a /live | grep -c '^[.][.]2'",
            **mounted(live={"configMap": {"name": "live"}}),
        )
        assert text.split() == ["..data/k", "1"]

    machine.run(body)


def test_empty_dirs_and_subpaths(machine: Machine) -> None:
    async def body(client: Client) -> None:
        volumes = [
            {"name": "disk", "emptyDir": {}},
            {"name": "ram", "emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}},
        ]
        mounts = [
            {"name": "ram", "mountPath": "/ram"},
            {"name": "disk", "mountPath": "/part", "subPath": "inner/deep"},
            {"name": "disk", "mountPath": "/named", "subPathExpr": "$(WHO)"},
            {"name": "disk", "mountPath": "/disk"},
        ]
        container = {"volumeMounts": mounts, "env": [{"name": "WHO", "value": "me"}]}
        script = (
            "echo x > /part/file; cat /disk/inner/deep/file; echo y > /named/f; cat /disk/me/f;"
            " dd if=/dev/zero of=/ram/f bs=1M count=8 2>&1 | grep -c 'No space';"
            " grep -c ' /ram tmpfs' /proc/mounts"
        )
        text = await say(client, "empty", script, volumes=volumes, container=container)
        assert text.split() == ["x", "y", "1", "1"]

    machine.run(body)


def test_a_subpath_can_not_leave_its_volume(machine: Machine) -> None:
    async def body(client: Client) -> None:
        escape = [{"name": "disk", "mountPath": "/out", "subPath": "link"}]
        whole = [{"name": "disk", "mountPath": "/disk"}]
        init = {
            "name": "i",
            "image": "busybox",
            "imagePullPolicy": "IfNotPresent",
            "command": ["ln", "-s", "/etc", "/disk/link"],
            "volumeMounts": whole,
        }
        wanted = pod(
            "escape",
            *("ls", "/out"),
            initContainers=[init],
            volumes=[{"name": "disk", "emptyDir": {}}],
            container={"volumeMounts": escape},
        )
        await create(client, wanted)
        found = await until(
            client,
            "escape",
            lambda p: (
                bool(p.status.containerStatuses)
                and p.status.containerStatuses[0].state.waiting is not None
                and p.status.containerStatuses[0].state.waiting.reason == "CreateContainerConfigError"
            ),
        )
        message = found.status.containerStatuses[0].state.waiting.message
        assert message == 'failed to prepare subPath for volumeMount "disk" of container "c"'
        await delete(client, "escape")

    machine.run(body)


def test_hostpath_types(machine: Machine) -> None:
    async def body(client: Client) -> None:
        path = machine.folder / "not-there"
        source = mounted(h={"hostPath": {"path": str(path), "type": "Directory"}})
        await create(client, pod("wrong", "true", **source))
        while not any(reason == "FailedMount" for reason, _ in await events_of(client, "wrong")):
            await asyncio.sleep(0.02)
        message = dict(await events_of(client, "wrong"))["FailedMount"]
        assert message.startswith('MountVolume.SetUp failed for volume "h" : hostPath type check failed')
        path.mkdir()
        await until(client, "wrong", lambda p: p.status.phase == "Running")  # tried again by itself
        await delete(client, "wrong")

    machine.run(body)


def test_environment(machine: Machine) -> None:
    async def body(client: Client) -> None:
        await client.create(CONFIGMAPS, {"metadata": {"name": "vars"}, "data": {"ONE": "1"}}, "default")
        env = [
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            {"name": "KEY", "valueFrom": {"configMapKeyRef": {"name": "vars", "key": "ONE"}}},
            {"name": "MIX", "value": "$(KEY)-$(P_ONE)-$$(KEY)-$(NOPE)"},
        ]
        container = {
            "env": env,
            "envFrom": [{"prefix": "P_", "configMapRef": {"name": "vars"}}],
            "resources": {"limits": {"cpu": "1500m"}},
        }
        text = await say(
            client, "env", 'echo "$IP $CPU $KEY $MIX $KUBERNETES_SERVICE_PORT"', container=container
        )
        ip, cpu, key, mix, port = text.split()
        assert ip.startswith("10.244.77.") and (cpu, key, port) == ("2", "1", "443")
        assert mix == "1-1-$(KEY)-$(NOPE)"

    machine.run(body)


def test_names_and_resolver(machine: Machine) -> None:
    async def body(client: Client) -> None:
        text = await say(
            client,
            "named",
            "hostname; grep -c alias.test /etc/hosts;"
            " grep -o 'named.sub.default.svc.cluster.local' /etc/hosts; head -1 /etc/resolv.conf",
            subdomain="sub",
            hostAliases=[{"ip": "192.0.2.9", "hostnames": ["alias.test"]}],
        )
        lines = text.splitlines()
        assert lines[:3] == ["named", "1", "named.sub.default.svc.cluster.local"]
        assert lines[3] == "search default.svc.cluster.local svc.cluster.local cluster.local"

    machine.run(body)


def test_nothing_is_left_of_a_deleted_pod(machine: Machine) -> None:
    async def body(client: Client) -> None:
        source = mounted(ram={"emptyDir": {"medium": "Memory"}})
        found = await run(client, pod("gone", "sleep", "1000", **source))
        uid = found.metadata.uid
        await delete(client, "gone")
        root = machine.inside / str(machine.folder).lstrip("/")
        for _ in range(200):
            left = [*root.glob(f"kubelet/pods/{uid}"), *root.glob(f"logs/*{uid}")]
            if not left and uid not in machine.ctr("containers", "ls"):
                break
            await asyncio.sleep(0.02)
        assert left == []
        assert uid not in Path(f"/proc/{machine.init}/mounts").read_text()
        assert list(machine.cgroup_root.glob(f"*{machine.cgroup}/kubepods/**/pod{uid}")) == []

    machine.run(body)
