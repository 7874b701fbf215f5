"""What a scheduler is told: profiles and backoffs, from flags and a KubeSchedulerConfiguration."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from wherry.component_flags import UsageError, duration

DEFAULT_NAME = "default-scheduler"
_GROUP = "kubescheduler.config.k8s.io/"
_KIND = "KubeSchedulerConfiguration"


@dataclass(frozen=True, slots=True)
class LeaderElection:
    enabled: bool = True
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0
    name: str = "kube-scheduler"
    namespace: str = "kube-system"


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """`batch`: how many pods are placed before others in the event loop get a turn."""

    profiles: tuple[str, ...] = (DEFAULT_NAME,)
    initial_backoff: float = 1.0
    max_backoff: float = 10.0
    batch: int = 32
    kubeconfig: str = ""
    leader_election: LeaderElection = field(default_factory=LeaderElection)


def with_configuration(settings: SchedulerSettings, text: str) -> SchedulerSettings:
    """Takes over a KubeSchedulerConfiguration (YAML or JSON); UsageError when it is none.

    `percentageOfNodesToScore` is checked and not needed: all nodes are always scored.
    """
    import yaml

    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"couldn't parse the scheduler configuration: {error}") from error
    if not isinstance(config, dict):
        raise UsageError("the scheduler configuration is not an object")
    version, kind = str(config.get("apiVersion", "")), config.get("kind")
    if not version.startswith(_GROUP) or kind != _KIND:
        raise UsageError(f'no kind "{kind}" is registered for version "{version}"')
    profiles = tuple(_profile(p) for p in _list(config, "profiles")) or settings.profiles
    if len(set(profiles)) != len(profiles):
        raise UsageError("profiles: Duplicate value: two profiles with the same schedulerName")
    _percentage(config.get("percentageOfNodesToScore"))
    return replace(
        settings,
        profiles=profiles,
        initial_backoff=_seconds(config, "podInitialBackoffSeconds", settings.initial_backoff),
        max_backoff=_seconds(config, "podMaxBackoffSeconds", settings.max_backoff),
        kubeconfig=str(_object(config, "clientConnection").get("kubeconfig") or settings.kubeconfig),
        leader_election=_leader_election(_object(config, "leaderElection"), settings.leader_election),
    )


def _leader_election(config: dict[str, Any], base: LeaderElection) -> LeaderElection:
    try:
        return LeaderElection(
            bool(config.get("leaderElect", base.enabled)),
            _duration(config.get("leaseDuration"), base.lease_duration),
            _duration(config.get("renewDeadline"), base.renew_deadline),
            _duration(config.get("retryPeriod"), base.retry_period),
            str(config.get("resourceName") or base.name),
            str(config.get("resourceNamespace") or base.namespace),
        )
    except ValueError as error:
        raise UsageError(f"leaderElection: {error}") from error


def _duration(value: Any, base: float) -> float:
    return base if value is None else duration(str(value))


def _profile(profile: Any) -> str:
    if not isinstance(profile, dict):
        raise UsageError("profiles: expected a list of objects")
    return str(profile.get("schedulerName") or DEFAULT_NAME)


def _percentage(value: Any) -> None:
    if value is not None and not (isinstance(value, int) and 0 <= value <= 100):
        raise UsageError(f"percentageOfNodesToScore: Invalid value: {value}: not in valid range [0-100]")


def _seconds(config: dict[str, Any], name: str, base: float) -> float:
    value = config.get(name)
    if value is None:
        return base
    if not isinstance(value, int) or value <= 0:
        raise UsageError(f"{name}: Invalid value: {value}: must be greater than 0")
    return float(value)


def _object(config: dict[str, Any], name: str) -> dict[str, Any]:
    value = config.get(name) or {}
    if not isinstance(value, dict):
        raise UsageError(f"{name}: expected an object")
    return value


def _list(config: dict[str, Any], name: str) -> list[Any]:
    value = config.get(name) or []
    if not isinstance(value, list):
        raise UsageError(f"{name}: expected a list")
    return value
