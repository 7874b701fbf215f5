from __future__ import annotations

from wherry.cri.types import Dns, Image, PortMapping
from wherry.kubelet.machine import containers as configs

from ..kit import pod


def test_a_sandbox() -> None:
    ports = [{"containerPort": 80}, {"containerPort": 53, "hostPort": 5353, "protocol": "UDP"}]
    wanted = pod({"name": "c", "ports": ports}, meta={"labels": {"a": "b"}, "annotations": {"x": "y"}})
    config = configs.sandbox(
        wanted, 2, hostname="p", dns=Dns(), log_directory="/logs", cgroup_parent="/g", seccomp_root="/s"
    )
    assert (config.attempt, config.hostname, config.cgroup_parent) == (2, "p", "/g")
    assert config.port_mappings == (PortMapping(53, 5353, "UDP"),)
    assert config.labels == {
        "a": "b",
        "io.kubernetes.pod.name": "p",
        "io.kubernetes.pod.namespace": "default",
        "io.kubernetes.pod.uid": "u1",
    }


def test_a_container() -> None:
    spec = {
        "name": "c",
        "command": ["run", "$(WHO)"],
        "args": ["$$(WHO)"],
        "resources": {"limits": {"cpu": "500m", "memory": "32Mi"}},
        "lifecycle": {"stopSignal": "SIGUSR1"},
    }
    wanted = pod(spec, terminationGracePeriodSeconds=7)
    config = configs.container(
        wanted,
        wanted.spec.containers[0],
        3,
        image=Image("sha256:1"),
        target="",
        env={"WHO": "me"},
        mounts=(),
        memory_capacity=1 << 30,
        seccomp_root="",
    )
    assert (config.command, config.args) == (("run", "me"), ("$(WHO)",))
    assert config.env == (("WHO", "me"),) and config.log_path == "c/3.log"
    assert config.stop_signal == "SIGUSR1" and config.image == "sha256:1"
    resources = config.resources
    assert (resources.cpu_quota, resources.cpu_shares, resources.memory_limit) == (50_000, 512, 32 << 20)
    assert config.annotations["io.kubernetes.pod.terminationGracePeriod"] == "7"
    assert config.annotations["io.kubernetes.container.restartCount"] == "3"


def test_the_hash_follows_the_image() -> None:
    one, two = pod("c").spec.containers[0], pod({"name": "c", "image": "y"}).spec.containers[0]
    assert configs.spec_hash(one) != configs.spec_hash(two)
    assert configs.spec_hash(one) == configs.spec_hash(pod("c").spec.containers[0])
