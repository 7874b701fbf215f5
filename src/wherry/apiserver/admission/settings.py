"""What admission is told when the API server is made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    service_cluster_ip_ranges: tuple[str, ...] = ("10.0.0.0/24",)
    """One, or one of each family; the first is the cluster's own family."""
    service_node_port_range: tuple[int, int] = (30000, 32767)
    """First and last port."""
    enabled: tuple[str, ...] = ()
    """Plugins to have beside the default ones (--enable-admission-plugins)."""
    disabled: tuple[str, ...] = ()
    """Plugins to leave out (--disable-admission-plugins)."""
    allow_privileged: bool = True
    """False: pods with privileged containers are refused (--allow-privileged)."""


PLUGINS = frozenset(
    (
        "AlwaysAdmit",
        "AlwaysDeny",
        "AlwaysPullImages",
        "CertificateApproval",
        "CertificateSigning",
        "CertificateSubjectRestriction",
        "ClusterTrustBundleAttest",
        "DefaultIngressClass",
        "DefaultStorageClass",
        "DefaultTolerationSeconds",
        "DenyServiceExternalIPs",
        "EventRateLimit",
        "ExtendedResourceToleration",
        "ImagePolicyWebhook",
        "JobValidation",
        "LimitPodHardAntiAffinityTopology",
        "LimitRanger",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionWebhook",
        "NamespaceAutoProvision",
        "NamespaceExists",
        "NamespaceLifecycle",
        "NodeDeclaredFeatureValidator",
        "NodeRestriction",
        "OwnerReferencesPermissionEnforcement",
        "PersistentVolumeClaimResize",
        "PodGroupProtection",
        "PodGroupWorkloadExists",
        "PodNodeSelector",
        "PodResizeValidator",
        "PodSecurity",
        "PodTolerationRestriction",
        "PodTopologyLabels",
        "Priority",
        "ResourceQuota",
        "RuntimeClass",
        "ServiceAccount",
        "StorageObjectInUseProtection",
        "TaintNodesByCondition",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionWebhook",
    )
)
"""All of upstream's admission plugins; what they do here is in `chain.py`."""
