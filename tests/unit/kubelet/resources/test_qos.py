from __future__ import annotations

from typing import Any

import pytest

from wherry.kubelet.resources.qos import oom_score_adj, pod_amount, qos_class, quota, shares

from ..kit import pod


def asking(
    requests: dict[str, str] | None = None, limits: dict[str, str] | None = None, name: str = "c"
) -> Any:
    return {"name": name, "resources": {"requests": requests or {}, "limits": limits or {}}}


BOTH = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("containers", "wanted"),
    [
        ([asking()], "BestEffort"),
        ([asking(BOTH, BOTH)], "Guaranteed"),
        ([asking(None, BOTH)], "Guaranteed"),
        ([asking(BOTH, BOTH), asking(name="d")], "Burstable"),
        ([asking({"cpu": "1"})], "Burstable"),
        ([asking({"cpu": "1", "memory": "1Gi"}, {"cpu": "2", "memory": "1Gi"})], "Burstable"),
    ],
)
def test_class(containers: list[Any], wanted: str) -> None:
    assert qos_class(pod(*containers)) == wanted


def test_the_reported_class_stays() -> None:
    assert qos_class(pod(status={"qosClass": "Guaranteed"})) == "Guaranteed"


def test_kernel_units() -> None:
    assert [shares(m) for m in (0, 100, 1000, 10**9)] == [2, 102, 1024, 262_144]
    assert [quota(m) for m in (0, 5, 200, 1500)] == [0, 1000, 20_000, 150_000]


def test_who_is_killed_first() -> None:
    def score(container: Any, **spec: Any) -> int:
        wanted = pod(container, **spec)
        return oom_score_adj(wanted, wanted.spec.containers[0], 4 << 30)

    assert score(asking()) == 1000
    assert score(asking(BOTH, BOTH)) == -997
    assert score(asking({"memory": "1Gi"})) == 750
    assert score(asking({"memory": "1Ki"})) == 999
    assert score(asking({"memory": "4Gi"})) == 3
    assert score(asking(), priority=2_000_000_000) == -997


def test_a_pods_requests() -> None:
    side = {**asking({"cpu": "100m"}, name="s"), "restartPolicy": "Always"}
    wanted = pod(
        asking({"cpu": "200m"}),
        asking({"cpu": "300m"}, name="d"),
        init=(side, asking({"cpu": "1"}, name="i")),
        overhead={"cpu": "10m"},
    )
    assert pod_amount(wanted, "requests", "cpu") == 1100 + 10
    assert pod_amount(pod(asking({"cpu": "200m"}), init=(side,)), "requests", "cpu") == 300


def test_a_missing_limit_means_none() -> None:
    assert pod_amount(pod(asking(None, BOTH), asking(name="d")), "limits", "memory") is None
    assert pod_amount(pod(asking(None, BOTH)), "limits", "memory") == 1 << 30


def test_pod_level_resources_win() -> None:
    wanted = pod(asking({"cpu": "1"}), resources={"requests": {"cpu": "3"}})
    assert pod_amount(wanted, "requests", "cpu") == 3000
