"""`wherry kubelet`: its flags (`FLAGS`), and a kubelet made from them (`serve`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from wherry import KUBERNETES_VERSION
from wherry.client.connect import client_from_config
from wherry.client.kubeconfig import KubeconfigError, load
from wherry.component import Env
from wherry.component_flags import UsageError
from wherry.cri.runtime import Runtime
from wherry.kubelet.agent import Kubelet
from wherry.kubelet.flags import FLAGS as FLAGS
from wherry.kubelet.flags import settings
from wherry.kubelet.machine.facts import outbound_address, read_machine
from wherry.kubelet.settings import KubeletSettings


async def serve(flags: dict[str, Any], ready: Callable[[], None]) -> None:
    """UsageError for flags that can't be used here."""
    chosen = settings(flags)
    if not flags["kubeconfig"]:
        raise UsageError("--kubeconfig is needed: the kubelet does not run without an API server")
    try:
        config = load(Path(flags["kubeconfig"]))
        client = client_from_config(config, user_agent=f"kubelet/{KUBERNETES_VERSION}")
    except KubeconfigError as error:
        raise UsageError(f"--kubeconfig: {error}") from error
    chosen = _checked(chosen)
    if not chosen.node_ip:
        chosen = replace(chosen, node_ip=outbound_address("203.0.113.1", 9) or "127.0.0.1")
    try:
        await Kubelet(client, connect(chosen.runtime_endpoint), Env(), chosen).run(ready)
    finally:
        await client.close()


def connect(endpoint: str) -> Runtime:
    """The runtime behind a CRI socket. gRPC is loaded here and nowhere else."""
    from wherry.cri.grpc import GrpcRuntime

    return GrpcRuntime(endpoint)


def _checked(chosen: KubeletSettings) -> KubeletSettings:
    """What can be seen to be wrong before anything is started."""
    if os.geteuid() != 0:
        raise UsageError("the kubelet must run as root: it mounts volumes and makes control groups")
    try:
        chosen.root.mkdir(parents=True, exist_ok=True)
        chosen.pod_logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    if chosen.fail_swap_on and read_machine(chosen.root).swap:
        raise UsageError(
            "running with swap on is not supported, please disable swap or set --fail-swap-on=false"
        )
    return chosen
