from __future__ import annotations

from typing import Any

import pytest

from wherry.cri.types import Image, Namespaces, Seccomp, Security
from wherry.kubelet.host import SetupError
from wherry.kubelet.machine.security import (
    MASKED_PATHS,
    container_security,
    namespaces,
    sandbox_security,
)

from ..kit import pod

IMAGE = Image("sha256:1")


def secured(own: Any = None, pods: Any = None, image: Image = IMAGE, **spec: Any) -> Security:
    container = {"name": "c", **({"securityContext": own} if own else {})}
    wanted = pod(container, **({"securityContext": pods} if pods else {}), **spec)
    return container_security(wanted, wanted.spec.containers[0], image, "/seccomp")


def test_defaults() -> None:
    found = secured()
    assert found.run_as_user == 0 and found.masked_paths == MASKED_PATHS
    assert not found.privileged and not found.no_new_privs and found.seccomp == Seccomp("Unconfined")


def test_a_container_overrides_its_pod() -> None:
    found = secured(
        {"runAsUser": 1}, {"runAsUser": 2, "runAsGroup": 3, "fsGroup": 4, "supplementalGroups": [5]}
    )
    assert (found.run_as_user, found.run_as_group, found.supplemental_groups) == (1, 3, (4, 5))


def test_the_images_user_is_taken() -> None:
    assert secured(image=Image("x", uid=65535)).run_as_user == 65535
    assert secured(image=Image("x", username="web")).run_as_user is None


def test_privileged_unmasks() -> None:
    found = secured({"privileged": True, "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}})
    assert found.privileged and found.masked_paths == () == found.readonly_paths
    assert (found.add_capabilities, found.drop_capabilities) == (("NET_ADMIN",), ("ALL",))
    assert sandbox_security(pod({"name": "c", "securityContext": {"privileged": True}}), "").privileged


def test_seccomp_profiles() -> None:
    assert secured(pods={"seccompProfile": {"type": "RuntimeDefault"}}).seccomp == Seccomp("RuntimeDefault")
    local = {"seccompProfile": {"type": "Localhost", "localhostProfile": "a/b.json"}}
    assert secured(local).seccomp == Seccomp("Localhost", "/seccomp/a/b.json")


@pytest.mark.parametrize(
    ("own", "image", "problem"),
    [
        ({"runAsNonRoot": True}, IMAGE, "container has runAsNonRoot and image will run as root"),
        ({"runAsNonRoot": True, "runAsUser": 0}, IMAGE, "container's runAsUser breaks non-root policy"),
        (
            {"runAsNonRoot": True},
            Image("x", username="web"),
            "container has runAsNonRoot and image has non-numeric user (web), cannot verify user is non-root",
        ),
    ],
)
def test_root_is_refused(own: dict[str, Any], image: Image, problem: str) -> None:
    with pytest.raises(SetupError) as caught:
        secured(own, image=image)
    assert caught.value.message == f'{problem} (pod: "p_default(u1)", container: c)'


def test_non_root_is_let_through() -> None:
    assert secured({"runAsNonRoot": True, "runAsUser": 7}).run_as_user == 7


def test_namespaces() -> None:
    assert namespaces(pod(hostNetwork=True, hostPID=True, hostIPC=True)) == Namespaces("node", "node", "node")
    assert namespaces(pod(shareProcessNamespace=True)).pid == "pod"
    wanted = pod()
    targeted = container_security(wanted, wanted.spec.containers[0], IMAGE, "", "abc")
    assert (targeted.namespaces.pid, targeted.namespaces.target_id) == ("target", "abc")
