"""Requests of pods with init containers, sidecars, overhead and pod-level resources."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.scheduler.resources import pod_requests

from .world import pod


def container(cpu: str = "", **more: Any) -> Any:
    resources = {"resources": {"requests": {"cpu": cpu}}} if cpu else {}
    return {"name": "c", **resources, **more}


@pytest.mark.parametrize(
    ("spec", "cpu", "scored"),
    [
        ({"containers": [container("1"), container("500m")]}, 1500, 1500),
        ({"containers": [container()]}, 0, 100),
        ({"containers": [container("1")], "initContainers": [container("3")]}, 3000, 3000),
        (
            {
                "containers": [container("1")],
                "initContainers": [container("2", restartPolicy="Always"), container("500m")],
            },
            3000,
            3000,
        ),
        (
            {
                "containers": [container("100m")],
                "initContainers": [container("1", restartPolicy="Always"), container("2")],
            },
            3000,
            3000,
        ),
        ({"containers": [container("1")], "overhead": {"cpu": "250m"}}, 1250, 1250),
        ({"containers": [container("1")], "resources": {"requests": {"cpu": "5"}}}, 5000, 5000),
    ],
)
def test_cpu(spec: Any, cpu: int, scored: int) -> None:
    found = pod_requests(pod("p", **spec).spec)
    assert (found.amounts.get("cpu", 0), found.scored[0]) == (cpu, scored)
