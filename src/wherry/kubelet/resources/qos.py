"""Quality of service: which class a pod is in, and what that means to the kernel.

Upstream: `apis/core/v1/helper/qos`, `kubelet/qos/policy.go`, `cm/helpers_linux.go`.
"""

from __future__ import annotations

from typing import Any, Literal

from wherry.api.quantity import milli, whole

Qos = Literal["Guaranteed", "Burstable", "BestEffort"]

MIN_SHARES, MAX_SHARES = 2, 262_144
PERIOD = 100_000
MIN_QUOTA = 1000


def qos_class(pod: Any) -> Qos:
    """The class by requests and limits of cpu and memory; the pod's reported one if it has one."""
    if pod.status.qosClass:
        return pod.status.qosClass  # type: ignore[no-any-return]
    requests: dict[str, int] = {}
    limits: dict[str, int] = {}
    guaranteed = True
    for container in (*pod.spec.containers, *pod.spec.initContainers):
        resources = container.resources
        for name in ("cpu", "memory"):
            request = milli(resources.requests[name]) if resources and name in resources.requests else 0
            limit = milli(resources.limits[name]) if resources and name in resources.limits else 0
            requests[name] = requests.get(name, 0) + request
            limits[name] = limits.get(name, 0) + limit
            guaranteed = guaranteed and limit > 0 and (request or limit) == limit
    if not any(requests.values()) and not any(limits.values()):
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def shares(milli_cpu: int) -> int:
    """cpu.shares of a cpu request."""
    return max(MIN_SHARES, min(milli_cpu * 1024 // 1000, MAX_SHARES))


def quota(milli_cpu: int) -> int:
    """cpu.cfs_quota_us of a cpu limit for `PERIOD`; 0 for none."""
    return max(milli_cpu * PERIOD // 1000, MIN_QUOTA) if milli_cpu else 0


def oom_score_adj(pod: Any, container: Any, memory_capacity: int) -> int:
    """Who is killed first when memory runs out: 1000 the first, negative the last."""
    if (pod.spec.priority or 0) >= 2_000_000_000:
        return -997
    match qos_class(pod):
        case "Guaranteed":
            return -997
        case "BestEffort":
            return 1000
    resources = container.resources
    request = whole(resources.requests["memory"]) if resources and "memory" in resources.requests else 0
    score = 1000 - 1000 * request // max(1, memory_capacity)
    return max(3, 999 if score == 1000 else score)


def pod_amount(pod: Any, kind: Literal["requests", "limits"], name: str) -> int | None:
    """What a pod asks for in all (thousandths for cpu, else whole): its main containers and sidecars
    together, or more if an init container needs more. None when a limit is missing somewhere."""
    parse = milli if name == "cpu" else whole
    if pod.spec.resources is not None and name in getattr(pod.spec.resources, kind):
        return parse(getattr(pod.spec.resources, kind)[name])

    def amount(container: Any) -> int | None:
        values = getattr(container.resources, kind) if container.resources else {}
        return parse(values[name]) if name in values else None

    main = [amount(c) for c in pod.spec.containers]
    sidecars = 0
    peak = 0
    for container in pod.spec.initContainers:
        value = amount(container)
        if value is None:
            if kind == "limits":
                return None
            value = 0
        if container.restartPolicy == "Always":
            sidecars += value
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + value)
    if kind == "limits" and None in main:
        return None
    total = max(peak, sidecars + sum(value or 0 for value in main))
    overhead = pod.spec.overhead.get(name)
    return total + (parse(overhead) if overhead and (kind == "requests" or total) else 0)
