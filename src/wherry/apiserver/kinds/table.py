"""Every kind that has rules of its own, by resource. What is not here is served by `GENERIC`."""

from __future__ import annotations

from wherry.apiserver.kinds.apps import daemonsets, deployments, replicasets, statefulsets
from wherry.apiserver.kinds.batch import cronjobs, jobs
from wherry.apiserver.kinds.cluster import devices, extensions, leases
from wherry.apiserver.kinds.core import (
    configuration,
    endpoints,
    events,
    namespaces,
    nodes,
    pods,
    replication_controllers,
    service_accounts,
    services,
)
from wherry.apiserver.kinds.networking import addresses, endpoint_slices, ingresses, network_policies
from wherry.apiserver.kinds.policy import autoscalers, disruption_budgets, priority_classes, quotas, rbac
from wherry.apiserver.kinds.storage import classes, volumes
from wherry.apiserver.registry.strategy import Strategy

STRATEGIES: dict[str, Strategy] = {
    "configmaps": configuration.CONFIG_MAP,
    "secrets": configuration.SECRET,
    "endpoints": endpoints.STRATEGY,
    "events": events.STRATEGY,
    "events.events.k8s.io": events.STRATEGY,
    "limitranges": quotas.LIMIT_RANGE,
    "namespaces": namespaces.STRATEGY,
    "nodes": nodes.STRATEGY,
    "persistentvolumeclaims": volumes.CLAIM,
    "persistentvolumes": volumes.VOLUME,
    "pods": pods.STRATEGY,
    "podtemplates": replication_controllers.POD_TEMPLATE,
    "replicationcontrollers": replication_controllers.STRATEGY,
    "resourcequotas": quotas.QUOTA,
    "serviceaccounts": service_accounts.STRATEGY,
    "services": services.STRATEGY,
    "componentstatuses": extensions.COMPONENT_STATUS,
    "controllerrevisions.apps": statefulsets.CONTROLLER_REVISION,
    "daemonsets.apps": daemonsets.STRATEGY,
    "deployments.apps": deployments.STRATEGY,
    "replicasets.apps": replicasets.STRATEGY,
    "statefulsets.apps": statefulsets.STRATEGY,
    "cronjobs.batch": cronjobs.STRATEGY,
    "jobs.batch": jobs.STRATEGY,
    "horizontalpodautoscalers.autoscaling": autoscalers.STRATEGY,
    "poddisruptionbudgets.policy": disruption_budgets.STRATEGY,
    "leases.coordination.k8s.io": leases.STRATEGY,
    "endpointslices.discovery.k8s.io": endpoint_slices.STRATEGY,
    "ingressclasses.networking.k8s.io": ingresses.INGRESS_CLASS,
    "ingresses.networking.k8s.io": ingresses.INGRESS,
    "ipaddresses.networking.k8s.io": addresses.IP_ADDRESS,
    "networkpolicies.networking.k8s.io": network_policies.STRATEGY,
    "servicecidrs.networking.k8s.io": addresses.SERVICE_CIDR,
    "clusterrolebindings.rbac.authorization.k8s.io": rbac.CLUSTER_ROLE_BINDING,
    "clusterroles.rbac.authorization.k8s.io": rbac.CLUSTER_ROLE,
    "rolebindings.rbac.authorization.k8s.io": rbac.ROLE_BINDING,
    "roles.rbac.authorization.k8s.io": rbac.ROLE,
    "csidrivers.storage.k8s.io": classes.CSI_DRIVER,
    "csinodes.storage.k8s.io": classes.CSI_NODE,
    "csistoragecapacities.storage.k8s.io": classes.CSI_CAPACITY,
    "storageclasses.storage.k8s.io": classes.STORAGE_CLASS,
    "volumeattachments.storage.k8s.io": classes.VOLUME_ATTACHMENT,
    "volumeattributesclasses.storage.k8s.io": classes.VOLUME_ATTRIBUTES_CLASS,
    "priorityclasses.scheduling.k8s.io": priority_classes.STRATEGY,
    "runtimeclasses.node.k8s.io": extensions.RUNTIME_CLASS,
    "certificatesigningrequests.certificates.k8s.io": extensions.CERTIFICATE_REQUEST,
    "flowschemas.flowcontrol.apiserver.k8s.io": extensions.FLOW_SCHEMA,
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": extensions.PRIORITY_LEVEL,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": extensions.MUTATING_WEBHOOKS,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": extensions.VALIDATING_WEBHOOKS,
    "validatingadmissionpolicies.admissionregistration.k8s.io": extensions.VALIDATING_POLICY,
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": extensions.VALIDATING_POLICY_BINDING,
    "mutatingadmissionpolicies.admissionregistration.k8s.io": extensions.MUTATING_POLICY,
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": extensions.MUTATING_POLICY_BINDING,
    "apiservices.apiregistration.k8s.io": extensions.API_SERVICE,
    "deviceclasses.resource.k8s.io": devices.DEVICE_CLASS,
    "resourceclaims.resource.k8s.io": devices.RESOURCE_CLAIM,
    "resourceclaimtemplates.resource.k8s.io": devices.RESOURCE_CLAIM_TEMPLATE,
    "resourceslices.resource.k8s.io": devices.RESOURCE_SLICE,
}
