"""kube-scheduler's command line: upstream's flags as data, and `serve`, which runs it from them."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wherry.clock import uuid4
from wherry.component import Env
from wherry.component_flags import Flag, UsageError
from wherry.scheduler.settings import DEFAULT_NAME, LeaderElection, SchedulerSettings, with_configuration

log = logging.getLogger("wherry.scheduler")

_MAX_CONFIG = 1 << 20

FLAGS: tuple[Flag, ...] = (
    Flag("--kubeconfig", help="path to a kubeconfig file with authorization and master location"),
    Flag("--config", help="path to a KubeSchedulerConfiguration file"),
    Flag("--master", help="address of the API server, overrides the kubeconfig's", effect=False),
    Flag("--leader-elect", "bool", True, "hold a Lease while scheduling; one of several schedulers works"),
    Flag("--leader-elect-lease-duration", "duration", 15.0, "how long a lost leader's Lease lasts"),
    Flag("--leader-elect-renew-deadline", "duration", 10.0, "how long a leader tries to renew"),
    Flag("--leader-elect-retry-period", "duration", 2.0, "how long to wait between tries"),
    Flag("--leader-elect-resource-lock", default="leases", help="the kind of lock", effect=False),
    Flag("--leader-elect-resource-name", default="kube-scheduler", help="name of the Lease"),
    Flag("--leader-elect-resource-namespace", default="kube-system", help="namespace of the Lease"),
    Flag("--pod-max-in-unschedulable-pods-duration", "duration", 300.0, "wait at most", effect=False),
    Flag("--bind-address", default="0.0.0.0", help="address to serve health and metrics on", effect=False),
    Flag("--secure-port", "int", 10259, "port to serve health and metrics on, 0 for none", effect=False),
    Flag("--cert-dir", help="folder for the serving certificate", effect=False),
    Flag("--tls-cert-file", help="serving certificate", effect=False),
    Flag("--tls-private-key-file", help="its key", effect=False),
    Flag("--tls-cipher-suites", "strings", help="ciphers served", effect=False),
    Flag("--tls-min-version", help="least TLS version served", effect=False),
    Flag("--client-ca-file", help="CA of client certificates", effect=False),
    Flag("--authentication-kubeconfig", help="kubeconfig for token reviews", effect=False),
    Flag("--authentication-skip-lookup", "bool", help="no lookup of authentication config", effect=False),
    Flag("--authentication-tolerate-lookup-failure", "bool", True, "go on without it", effect=False),
    Flag("--authentication-token-webhook-cache-ttl", "duration", 10.0, "cache reviews", effect=False),
    Flag("--authorization-kubeconfig", help="kubeconfig for access reviews", effect=False),
    Flag("--authorization-always-allow-paths", "strings", help="paths open to all", effect=False),
    Flag("--requestheader-client-ca-file", help="CA of the aggregation proxy", effect=False),
    Flag("--requestheader-allowed-names", "strings", help="its common names", effect=False),
    Flag("--requestheader-username-headers", "strings", help="header of the user", effect=False),
    Flag("--requestheader-group-headers", "strings", help="header of the groups", effect=False),
    Flag("--requestheader-extra-headers-prefix", "strings", help="prefix of extras", effect=False),
    Flag("--kube-api-qps", "float", 50.0, "requests a second to the API server", effect=False),
    Flag("--kube-api-burst", "int", 100, "requests in a burst", effect=False),
    Flag("--kube-api-content-type", help="content type of requests", effect=False),
    Flag("--contention-profiling", "bool", True, "profile locks", effect=False),
    Flag("--profiling", "bool", True, "serve profiles", effect=False),
    Flag("--feature-gates", "map", help="feature switches", effect=False),
    Flag("--permit-address-sharing", "bool", help="SO_REUSEADDR", effect=False),
    Flag("--permit-port-sharing", "bool", help="SO_REUSEPORT", effect=False),
    Flag("--http2-max-streams-per-connection", "int", help="HTTP/2 streams", effect=False),
    Flag("--show-hidden-metrics-for-version", help="hidden metrics", effect=False),
    Flag("--disabled-metrics", "strings", help="metrics left out", effect=False),
    Flag("--logging-format", default="text", help="log format", effect=False),
    Flag("--log-flush-frequency", "duration", 5.0, "how often logs are flushed", effect=False),
    Flag("--vmodule", help="verbosity by file", effect=False),
    Flag("--v", "int", 0, "log verbosity", short="-v"),
)


def settings(flags: dict[str, Any]) -> SchedulerSettings:
    """Settings from parsed flags; with `--config`, the file wins over flags, as upstream has it."""
    base = SchedulerSettings(
        profiles=(DEFAULT_NAME,),
        kubeconfig=flags["kubeconfig"],
        leader_election=LeaderElection(
            flags["leader_elect"],
            flags["leader_elect_lease_duration"],
            flags["leader_elect_renew_deadline"],
            flags["leader_elect_retry_period"],
            flags["leader_elect_resource_name"],
            flags["leader_elect_resource_namespace"],
        ),
    )
    config = flags["config"]
    return with_configuration(base, _read(config)) if config else base


def _read(path: str) -> str:
    try:
        if Path(path).stat().st_size > _MAX_CONFIG:
            raise UsageError(f"--config: {path} is larger than {_MAX_CONFIG} bytes")
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--config: {error}") from error


async def serve(flags: dict[str, Any], ready: Callable[[], None]) -> None:
    """Runs the scheduler until cancelled, holding its Lease when leader election is on."""
    from wherry.client.connect import client_from_kubeconfig
    from wherry.client.kubeconfig import KubeconfigError
    from wherry.client.leader import LeaderElector
    from wherry.scheduler.scheduler import Scheduler

    chosen = settings(flags)
    if not chosen.kubeconfig:
        raise UsageError("--kubeconfig is needed")
    env = Env(rng=random.Random(int.from_bytes(os.urandom(16), "big")))
    try:
        client = client_from_kubeconfig(chosen.kubeconfig, user_agent="kube-scheduler")
    except KubeconfigError as error:
        raise UsageError(f"--kubeconfig: {error}") from error
    scheduler = Scheduler(client, env, chosen)
    election = chosen.leader_election
    if not election.enabled:
        await scheduler.run(ready)
        return
    elector = LeaderElector(
        client,
        env,
        name=election.name,
        namespace=election.namespace,
        identity=f"{os.uname().nodename}_{uuid4(env.rng)}",
        lease_duration=election.lease_duration,
        renew_deadline=election.renew_deadline,
        retry_period=election.retry_period,
    )
    # A scheduler that waits for its turn does its job: ready is said at once.
    ready()
    await elector.run(lambda: scheduler.run(_nothing))


def _nothing() -> None:
    """The scheduler's own readiness, already said by the elector's start."""
