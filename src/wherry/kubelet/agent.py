"""The kubelet: wires its parts together and runs them until it is cancelled.

    informer of this node's pods --\\
                                    PodRunner --(CRI)--> containers
    manifest folder -> StaticPods -/     |
                                          statuses -> API server
    NodeReporter -> Node, Lease          KubeletApi <- logs, exec, stats

Containers go on running when it ends, and a kubelet that starts finds them and goes on with them.
Static pods run without an API server; everything else waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from wherry.api.scheme import resource
from wherry.client.events import EventRecorder
from wherry.client.informer import Informer, InformerFactory
from wherry.client.rest import Client
from wherry.client.workqueue import WorkQueue
from wherry.component import Env
from wherry.cri.runtime import Runtime
from wherry.cri.types import ContainerStatus, RuntimeInfo
from wherry.kubelet.admission import NodeOffer, Refusal, refusal
from wherry.kubelet.backoff import Backoff
from wherry.kubelet.deps import PARALLEL_STARTS, Deps
from wherry.kubelet.imagegc import ImageCollector
from wherry.kubelet.images import ImagePuller
from wherry.kubelet.logrotate import LogRotator
from wherry.kubelet.machine.disk import Disk
from wherry.kubelet.machine.dns import DnsSettings
from wherry.kubelet.machine.facts import disk_usage, read_machine
from wherry.kubelet.machine.hooks import LinuxHooks
from wherry.kubelet.machine.host import Folders, LinuxHost, NodeFacts
from wherry.kubelet.machine.inotify import FileWatcher
from wherry.kubelet.machine.nodelook import NodeLook
from wherry.kubelet.machine.objects import ObjectReader
from wherry.kubelet.machine.prober import LinuxProber
from wherry.kubelet.machine.pullsecrets import PullSecrets
from wherry.kubelet.node import NodeReporter
from wherry.kubelet.podspec import CONFIG_MIRROR, is_mirror, is_static
from wherry.kubelet.resources.cgroups import PodCgroups
from wherry.kubelet.runner import PodRunner
from wherry.kubelet.server.api import KubeletApi
from wherry.kubelet.server.auth import Gatekeeper
from wherry.kubelet.server.listen import listening
from wherry.kubelet.server.stats import Stats
from wherry.kubelet.settings import KubeletSettings
from wherry.kubelet.static import StaticPods
from wherry.kubelet.statuswriter import StatusWriter
from wherry.kubelet.view import Viewer

log = logging.getLogger("wherry.kubelet")

PODS = resource("pods")
SERVICES = resource("services")
REFRESH_SECONDS = 60.0


class Kubelet:
    name = "kubelet"

    def __init__(self, client: Client, runtime: Runtime, env: Env, settings: KubeletSettings) -> None:
        self._client = client
        self._runtime = runtime
        self._env = env
        self._settings = settings
        machine = read_machine(settings.root)
        self._memory = machine.memory
        self._node = NodeLook(runtime, settings, machine, (settings.node_ip,) if settings.node_ip else ())
        self._factory = InformerFactory(client, env)
        self._events = EventRecorder(client, env, "kubelet", self._node.node_name)
        self._reporter = NodeReporter(
            client, env.clock, env.rng, self._events, self._node.look, register=settings.register_node
        )
        self._node.changed = self._reporter.wake

    async def run(self, ready: Callable[[], None]) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._runtime.close)
            disk = Disk()
            stack.callback(disk.close)
            watcher = FileWatcher()
            stack.callback(watcher.close)
            info = await self._node.wait_for_runtime()
            static = self._static(disk, watcher)
            services = self._factory.informer(SERVICES)
            runner = self._runner(info, disk, services, static)
            await runner.adopt()
            await stack.enter_async_context(self._listening(runner, disk, watcher))
            group = await stack.enter_async_context(asyncio.TaskGroup())
            group.create_task(self._events.run())
            group.create_task(self._factory.run())
            group.create_task(runner.run())
            if static is not None:
                await static.scan(runner.update, runner.remove)
            await self._reporter.start()
            self._reporter.event("Normal", "Starting", "Starting kubelet.")
            group.create_task(self._reporter.run())
            await services.wait_synced()
            pods = self._factory.informer(PODS, field_selector=f"spec.nodeName={self._node.node_name}")
            pods.add_handler(_feed(runner, static))
            await pods.wait_synced()
            runner.sources_complete()
            if static is not None:
                group.create_task(static.run(runner.update, runner.remove))
            group.create_task(self._node.run())
            group.create_task(self._refresh(runner))
            group.create_task(self._rotator(runner, disk).run())
            group.create_task(self._collector(disk).run())
            ready()

    def _static(self, disk: Disk, watcher: FileWatcher) -> StaticPods | None:
        folder = self._settings.manifests
        if folder is None:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        name = self._node.node_name
        return StaticPods(folder, name, self._client, self._env.clock, disk, watcher)

    def _runner(
        self, info: RuntimeInfo, disk: Disk, services: Informer, static: StaticPods | None
    ) -> PodRunner:
        client, clock, runtime = self._client, self._env.clock, self._runtime

        def target(pod: Any) -> Any | None:
            return static.mirror(pod) if static is not None and is_static(pod) else pod

        deps = Deps(
            client=client,
            clock=clock,
            runtime=runtime,
            runtime_name=info.name,
            host=self._host(info, disk, services),
            events=self._events,
            writer=StatusWriter(client, WorkQueue(), target),
            images=ImagePuller(runtime, clock, PullSecrets(ObjectReader(client)).credentials),
            viewer=Viewer(runtime),
            prober=LinuxProber(runtime),
            hooks=LinuxHooks(runtime),
            backoff=Backoff(),
            starts=asyncio.Semaphore(PARALLEL_STARTS),
        )
        return PodRunner(deps, admit=self._admit)

    def _admit(self, pod: Any, others: list[Any]) -> Refusal | None:
        shape = self._node.shape()
        node = self._reporter.node
        labels = node.metadata.labels if node is not None else shape.labels
        unsafe = self._settings.allowed_unsafe_sysctls
        return refusal(pod, others, NodeOffer(shape.allocatable, labels, shape.name, unsafe))

    def _host(self, info: RuntimeInfo, disk: Disk, services: Informer) -> LinuxHost:
        settings, node = self._settings, self._node
        driver = settings.cgroup_driver or info.cgroup_driver
        return LinuxHost(
            self._client,
            self._env.clock,
            disk,
            self._runtime,
            node=NodeFacts(
                name=node.node_name,
                addresses=lambda: node.addresses,
                allocatable=lambda: node.allocatable,
                memory=self._memory,
                services=services.list,
            ),
            folders=Folders(settings.root, settings.pod_logs),
            cgroups=PodCgroups(
                settings.cgroup_root,
                "systemd" if driver == "systemd" else "cgroupfs",
                pids=settings.pod_pids,
            ),
            dns=DnsSettings(settings.cluster_dns, settings.cluster_domain, settings.resolv_conf),
        )

    def _listening(self, runner: PodRunner, disk: Disk, watcher: FileWatcher) -> Any:
        settings, clock, name = self._settings, self._env.clock, self._node.node_name
        stats = Stats(self._runtime, clock, name, lambda: list(runner.workers.values()))
        api = KubeletApi(
            self._runtime,
            clock,
            disk,
            watcher,
            lambda: list(runner.workers.values()),
            summary=stats.summary,
            healthy=lambda: "" if runner.pleg.healthy() else "pleg was last seen active too long ago",
            configuration=lambda: _shown(settings),
        )
        gatekeeper = Gatekeeper(self._client, settings.server, name)
        names = (name, *self._node.addresses)
        return listening(settings.server, api, gatekeeper, clock, disk, names)

    def _rotator(self, runner: PodRunner, disk: Disk) -> LogRotator:
        def running() -> list[ContainerStatus]:
            return [run for worker in runner.workers.values() for run in worker.view.running()]

        size, files = self._settings.log_max_size, self._settings.log_max_files
        return LogRotator(self._runtime, self._env.clock, disk, running, max_size=size, max_files=files)

    def _collector(self, disk: Disk) -> ImageCollector:
        settings = self._settings
        return ImageCollector(
            self._runtime,
            disk,
            lambda: disk_usage(settings.root),
            high=settings.image_gc_high,
            low=settings.image_gc_low,
        )

    async def _refresh(self, runner: PodRunner) -> None:
        """Brings the contents of volumes up to date now and then."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            for worker in list(runner.workers.values()):
                if worker.state == "running" and worker.view.running():
                    await runner.refresh(worker)


def _feed(runner: PodRunner, static: StaticPods | None) -> Callable[[str, Any, Any], None]:
    def handler(change: str, old: Any, new: Any) -> None:
        pod = new if new is not None else old
        if is_mirror(pod):
            if static is not None:
                static.seen(change, pod)
                runner.deps.writer.observe(pod.metadata.annotations[CONFIG_MIRROR], pod)
        elif change == "deleted":
            runner.remove(pod.metadata.uid)
        else:
            runner.update(pod)

    return handler


def _shown(settings: KubeletSettings) -> dict[str, Any]:
    """What /configz tells, under upstream's names."""
    return {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "address": settings.server.address,
        "port": settings.server.port,
        "clusterDNS": list(settings.cluster_dns),
        "clusterDomain": settings.cluster_domain,
        "maxPods": settings.max_pods,
        "podPidsLimit": settings.pod_pids or -1,
        "cgroupRoot": settings.cgroup_root,
        "cgroupDriver": settings.cgroup_driver or "cgroupfs",
        "containerRuntimeEndpoint": settings.runtime_endpoint,
        "staticPodPath": str(settings.manifests or ""),
        "resolvConf": settings.resolv_conf,
        "failSwapOn": settings.fail_swap_on,
        "podLogsDir": str(settings.pod_logs),
    }
