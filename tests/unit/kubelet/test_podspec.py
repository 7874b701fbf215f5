from __future__ import annotations

import pytest

from wherry.kubelet.podspec import containers, field_path, full_name, grace_period, is_critical, is_static

from .kit import pod


def test_names() -> None:
    assert full_name(pod()) == "p_default(u1)"
    assert field_path("init", "x") == "spec.initContainers{x}"


def test_order() -> None:
    wanted = pod("a", init=("i",), ephemeralContainers=[{"name": "e"}])
    assert [(k, c.name) for k, c in containers(wanted)] == [
        ("init", "i"),
        ("container", "a"),
        ("ephemeral", "e"),
    ]


@pytest.mark.parametrize(
    ("spec", "deletion", "grace"), [(None, None, 30), (5, None, 5), (5, 2, 2), (0, None, 1), (60, 0, 1)]
)
def test_grace(spec: int | None, deletion: int | None, grace: int) -> None:
    meta = {} if deletion is None else {"deletionGracePeriodSeconds": deletion}
    assert (
        grace_period(
            pod(meta=meta, terminationGracePeriodSeconds=spec) if spec is not None else pod(meta=meta)
        )
        == grace
    )


def test_static_pods_are_critical() -> None:
    static = pod(meta={"annotations": {"kubernetes.io/config.source": "file"}})
    assert is_static(static) and is_critical(static)
    assert not is_critical(pod()) and is_critical(pod(priority=2_000_000_000))
