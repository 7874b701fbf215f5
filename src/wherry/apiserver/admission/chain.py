"""The admission plugins of an API server, in upstream's order."""

from __future__ import annotations

from wherry.apiserver.admission.capabilities import Capabilities
from wherry.apiserver.admission.default_ingress_class import DefaultIngressClass
from wherry.apiserver.admission.default_toleration_seconds import DefaultTolerationSeconds
from wherry.apiserver.admission.limit_ranger import LimitRanger
from wherry.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from wherry.apiserver.admission.node_ports import ServiceNodePorts
from wherry.apiserver.admission.node_taints import TaintNodesByCondition
from wherry.apiserver.admission.plugin import Plugin
from wherry.apiserver.admission.priority import Priority
from wherry.apiserver.admission.runtime_class import RuntimeClass
from wherry.apiserver.admission.service_account import ServiceAccount
from wherry.apiserver.admission.service_ips import ServiceClusterIPs
from wherry.apiserver.admission.settings import AdmissionSettings
from wherry.apiserver.admission.storage import (
    DefaultStorageClass,
    PersistentVolumeClaimResize,
    StorageObjectInUseProtection,
)
from wherry.apiserver.admission.topology_labels import PodTopologyLabels
from wherry.apiserver.attributes import AdmissionPlugin, Reader
from wherry.component import Env

ALWAYS_ON = frozenset({"ServiceClusterIPs", "ServiceNodePorts", "Capabilities"})
"""Parts of the registry rather than choices: `disabled` does not touch them."""


def plugins(reader: Reader, env: Env, settings: AdmissionSettings) -> list[AdmissionPlugin]:
    """All that are on. All of them are by default; `settings.disabled` takes some out."""
    ordered: list[Plugin] = [
        NamespaceLifecycle(reader),
        LimitRanger(reader),
        ServiceAccount(reader, env.rng),
        TaintNodesByCondition(),
        Priority(reader),
        DefaultTolerationSeconds(),
        DefaultStorageClass(reader),
        StorageObjectInUseProtection(),
        PersistentVolumeClaimResize(reader),
        RuntimeClass(reader),
        DefaultIngressClass(reader),
        PodTopologyLabels(reader),
        ServiceClusterIPs(reader, env.rng, settings.service_cluster_ip_ranges),
        ServiceNodePorts(reader, env.rng, settings.service_node_port_range),
    ]
    if not settings.allow_privileged:
        ordered.append(Capabilities())
    disabled = frozenset(settings.disabled) - frozenset(settings.enabled) - ALWAYS_ON
    return [plugin for plugin in ordered if plugin.name not in disabled]
