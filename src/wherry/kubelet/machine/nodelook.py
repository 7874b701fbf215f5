"""Looks at this machine and its runtime, and says what Node they make."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from wherry import KUBERNETES_VERSION
from wherry.api.quantity import from_milli, milli, whole
from wherry.api.schema import Obj
from wherry.cri.runtime import Runtime
from wherry.cri.types import RuntimeFault, RuntimeInfo
from wherry.kubelet.machine.facts import MachineFacts
from wherry.kubelet.nodeobject import Health, NodeShape, capacity, image_list
from wherry.kubelet.settings import KubeletSettings

log = logging.getLogger("wherry.kubelet")

IMAGES_SECONDS = 60.0
CHECK_SECONDS, HURRY_SECONDS = 10.0, 1.0


class NodeLook:
    """`changed` is called when the node's health has turned."""

    def __init__(
        self, runtime: Runtime, settings: KubeletSettings, machine: MachineFacts, addresses: Sequence[str]
    ) -> None:
        self.node_name = settings.node_name or machine.hostname
        self.addresses = tuple(addresses)
        self.changed: Callable[[], None] = lambda: None
        self.problem = "container runtime status check may not have completed yet"
        self._runtime = runtime
        self._settings = settings
        self._machine = machine
        self._info: RuntimeInfo | None = None
        self._images: list[Obj] = []
        self._images_at = -IMAGES_SECONDS
        total = capacity(machine.cpus, machine.memory, machine.disk, settings.max_pods)
        self.capacity = total
        self.allocatable = less(total, settings.reserved)

    async def wait_for_runtime(self) -> RuntimeInfo:
        """The runtime may still be starting."""
        said = False
        while True:
            try:
                info = await self._runtime.info()
            except RuntimeFault as fault:
                if not said:
                    log.warning("waiting for the container runtime: %s", fault)
                said = True
                await asyncio.sleep(0.1)
                continue
            self._note(info)
            return info

    async def run(self) -> None:
        """A node whose runtime is gone, or has no network yet, is not ready."""
        while True:
            await asyncio.sleep(HURRY_SECONDS if self.problem else CHECK_SECONDS)
            try:
                self._note(await self._runtime.info())
            except RuntimeFault as fault:
                self._set_problem(f"container runtime is down: {fault.message}")

    async def look(self) -> tuple[NodeShape, Health, list[Obj]]:
        now = asyncio.get_running_loop().time()
        if now - self._images_at >= IMAGES_SECONDS:
            try:
                self._images = image_list(await self._runtime.list_images())
                self._images_at = now
            except RuntimeFault as fault:
                log.warning("listing images: %s", fault)
        return self.shape(), Health(problem=self.problem), self._images

    def shape(self) -> NodeShape:
        settings, machine, info = self._settings, self._machine, self._info
        return NodeShape(
            name=self.node_name,
            hostname=self.node_name,
            capacity=self.capacity,
            allocatable=self.allocatable,
            info={
                "architecture": machine.architecture,
                "bootID": machine.boot_id,
                "containerRuntimeVersion": f"{info.name}://{info.version}" if info else "",
                "kernelVersion": machine.kernel,
                "kubeProxyVersion": "",
                "kubeletVersion": KUBERNETES_VERSION,
                "machineID": machine.machine_id,
                "operatingSystem": "linux",
                "osImage": machine.os_image,
                "systemUUID": machine.system_uuid,
            },
            addresses=self.addresses,
            labels=settings.labels,
            annotations={"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
            taints=settings.taints,
            port=settings.server.port,
            pod_cidr=settings.pod_cidr,
            unschedulable=settings.register_unschedulable,
        )

    def _note(self, info: RuntimeInfo) -> None:
        self._info = info
        if not info.ready:
            self._set_problem(f"container runtime not ready: {info.ready_message}")
        elif not info.network_ready:
            self._set_problem(f"container runtime network not ready: {info.network_message}")
        else:
            self._set_problem("")

    def _set_problem(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            self.changed()


def less(total: Mapping[str, str], reserved: Mapping[str, str]) -> dict[str, str]:
    """What is left of `total` for pods."""
    result = dict(total)
    for name, amount in reserved.items():
        if name == "cpu":
            result[name] = from_milli(max(0, milli(total[name]) - milli(amount)))
        elif name in total:
            result[name] = str(max(0, whole(total[name]) - whole(amount)))
    return result
