"""The table of controllers: upstream's names, aliases, and what each needs to be of use.

`--controllers` works on this table: `*` all that are on by default, `name` that one too, `-name` not
that one. Names that upstream has and wherry has not are known, so that a command line written for
upstream is understood; they are listed in `ELSEWHERE`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wherry.controllers import replicaset
from wherry.controllers.base import Context, Controller
from wherry.controllers.cronjob.controller import CronJobController
from wherry.controllers.daemonset.controller import DaemonSetController
from wherry.controllers.deployment.controller import DeploymentController
from wherry.controllers.endpoints.legacy import EndpointsController
from wherry.controllers.endpoints.slices import EndpointSliceController
from wherry.controllers.garbage.collector import GarbageCollector
from wherry.controllers.job.controller import JobController
from wherry.controllers.job.ttl import TtlAfterFinishedController
from wherry.controllers.namespace import NamespaceController
from wherry.controllers.nodes.eviction import TaintEvictionController
from wherry.controllers.nodes.ipam import NodeIpamController
from wherry.controllers.nodes.lifecycle import NodeLifecycleController
from wherry.controllers.podgc import PodGarbageCollector
from wherry.controllers.replicaset import ReplicaController
from wherry.controllers.rootca import RootCaController
from wherry.controllers.serviceaccounts import ServiceAccountController
from wherry.controllers.settings import ControllersSettings
from wherry.controllers.statefulset.controller import StatefulSetController


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    aliases: tuple[str, ...]
    make: Callable[[Context], Controller]
    useful: Callable[[ControllersSettings], bool] = lambda settings: True
    """False: switched on or not, there is nothing for it to do with these settings."""


def _replicasets(context: Context) -> Controller:
    return ReplicaController(context, replicaset.REPLICA_SET, context.settings.replicaset_workers)


def _replication_controllers(context: Context) -> Controller:
    workers = context.settings.replication_controller_workers
    return ReplicaController(context, replicaset.REPLICATION_CONTROLLER, workers)


CONTROLLERS: tuple[Entry, ...] = (
    Entry("serviceaccount-controller", ("serviceaccount",), ServiceAccountController),
    Entry(
        "root-ca-certificate-publisher-controller",
        ("root-ca-cert-publisher",),
        RootCaController,
        lambda settings: bool(settings.root_ca),
    ),
    Entry("namespace-controller", ("namespace",), NamespaceController),
    Entry("node-lifecycle-controller", ("nodelifecycle",), NodeLifecycleController),
    Entry("taint-eviction-controller", (), TaintEvictionController),
    Entry(
        "node-ipam-controller",
        ("nodeipam",),
        NodeIpamController,
        lambda settings: settings.allocate_node_cidrs and bool(settings.cluster_cidrs),
    ),
    Entry("deployment-controller", ("deployment",), DeploymentController),
    Entry("replicaset-controller", ("replicaset",), _replicasets),
    Entry("replicationcontroller-controller", ("replicationcontroller",), _replication_controllers),
    Entry("endpointslice-controller", ("endpointslice",), EndpointSliceController),
    Entry("endpoints-controller", ("endpoint",), EndpointsController),
    Entry("job-controller", ("job",), JobController),
    Entry("cronjob-controller", ("cronjob",), CronJobController),
    Entry("statefulset-controller", ("statefulset",), StatefulSetController),
    Entry("daemonset-controller", ("daemonset",), DaemonSetController),
    Entry("ttl-after-finished-controller", ("ttl-after-finished",), TtlAfterFinishedController),
    Entry("pod-garbage-collector-controller", ("podgc",), PodGarbageCollector),
    Entry("garbage-collector-controller", ("garbagecollector",), GarbageCollector),
)

ELSEWHERE: frozenset[str] = frozenset(
    [
        "bootstrap-signer-controller",
        "certificatesigningrequest-approving-controller",
        "certificatesigningrequest-cleaner-controller",
        "certificatesigningrequest-signing-controller",
        "cloud-node-lifecycle-controller",
        "clusterrole-aggregation-controller",
        "device-taint-eviction-controller",
        "disruption-controller",
        "endpointslice-mirroring-controller",
        "ephemeral-volume-controller",
        "horizontal-pod-autoscaler-controller",
        "kube-apiserver-serving-clustertrustbundle-publisher-controller",
        "legacy-serviceaccount-token-cleaner-controller",
        "node-route-controller",
        "persistentvolume-attach-detach-controller",
        "persistentvolume-binder-controller",
        "persistentvolume-expander-controller",
        "persistentvolume-protection-controller",
        "persistentvolumeclaim-protection-controller",
        "podcertificaterequest-cleaner-controller",
        "podgroup-protection-controller",
        "resourceclaim-controller",
        "resourcepoolstatusrequest-controller",
        "resourcequota-controller",
        "selinux-warning-controller",
        "service-cidr-controller",
        "service-lb-controller",
        "serviceaccount-token-controller",
        "storage-version-migrator-controller",
        "storageversion-garbage-collector-controller",
        "token-cleaner-controller",
        "ttl-controller",
        "validatingadmissionpolicy-status-controller",
        "volumeattributesclass-protection-controller",
        "bootstrapsigner",
        "csrapproving",
        "csrcleaner",
        "csrsigning",
        "cloud-node-lifecycle",
        "clusterrole-aggregation",
        "disruption",
        "endpointslicemirroring",
        "ephemeral-volume",
        "horizontalpodautoscaling",
        "legacy-service-account-token-cleaner",
        "route",
        "attachdetach",
        "persistentvolume-binder",
        "persistentvolume-expander",
        "pv-protection",
        "pvc-protection",
        "resourcequota",
        "service",
        "storage-version-gc",
        "tokencleaner",
        "ttl",
        "serviceaccount-token",
    ]
)
"""Upstream's controllers (and aliases) that are not here."""


def unknown(names: Sequence[str]) -> list[str]:
    """Those that neither wherry nor upstream knows."""
    known = {alias for entry in CONTROLLERS for alias in (entry.name, *entry.aliases)} | ELSEWHERE
    return [name for name in names if name != "*" and name.removeprefix("-") not in known]


def chosen(settings: ControllersSettings) -> list[Entry]:
    """The controllers to run, in the table's order."""
    return [entry for entry in CONTROLLERS if _is_on(entry, settings) and entry.useful(settings)]


def _is_on(entry: Entry, settings: ControllersSettings) -> bool:
    names = (entry.name, *entry.aliases)
    if any(name in settings.controllers for name in names):
        return True
    return "*" in settings.controllers and not any(f"-{name}" in settings.controllers for name in names)
