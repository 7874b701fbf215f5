"""Typed pods and runtime states for tests, in few words."""

from __future__ import annotations

from typing import Any

from wherry.api.schema import convert, struct_type
from wherry.cri.types import ContainerState, ContainerStatus, Sandbox
from wherry.kubelet.view import PodView

NOW = 1_800_000_000.0


def pod(*containers: Any, init: Any = (), meta: Any = None, status: Any = None, **spec: Any) -> Any:
    """Containers are names or dicts; without any there is one, `c`."""
    body = {
        "metadata": {"name": "p", "namespace": "default", "uid": "u1", "generation": 1, **(meta or {})},
        "spec": {
            "containers": [_container(c) for c in containers or ("c",)],
            "initContainers": [_container(c) for c in init],
            **spec,
        },
        "status": status or {},
    }
    return convert(struct_type("v1", "Pod"), body)


def _container(value: Any) -> Any:
    return {"name": value, "image": "x"} if isinstance(value, str) else {"image": "x", **value}


def box(attempt: int = 0, *, ready: bool = True, ips: tuple[str, ...] = ("10.0.0.5",)) -> Sandbox:
    return Sandbox(
        id=f"box{attempt}",
        name="p",
        namespace="default",
        uid="u1",
        attempt=attempt,
        state="ready" if ready else "notready",
        created_at=NOW + attempt,
        ips=ips,
    )


def ran(
    name: str,
    state: ContainerState = "running",
    code: int = 0,
    *,
    attempt: int = 0,
    sandbox: str = "box0",
    reason: str = "",
) -> ContainerStatus:
    """One run of a container, started at NOW, ended at NOW+5."""
    return ContainerStatus(
        id=f"{name}{attempt}",
        name=name,
        attempt=attempt,
        state=state,
        created_at=NOW + attempt,
        sandbox_id=sandbox,
        started_at=NOW if state in ("running", "exited") else 0.0,
        finished_at=NOW + 5 if state == "exited" else 0.0,
        exit_code=code,
        reason=reason or ("" if state != "exited" else "Completed" if code == 0 else "Error"),
        image="docker.io/library/x:latest",
        image_ref="sha256:1",
    )


def seen(*runs: ContainerStatus, boxes: tuple[Sandbox, ...] = (box(),)) -> PodView:
    """A view of sandboxes (newest first) and runs (newest first by name)."""
    by_name: dict[str, list[ContainerStatus]] = {}
    for run in runs:
        by_name.setdefault(run.name, []).append(run)
    return PodView(boxes, {name: tuple(found) for name, found in by_name.items()})
