"""NamespaceLifecycle: nothing is created where there is no namespace, or one that is going away.

The namespaces a cluster cannot do without cannot be deleted.
"""

from __future__ import annotations

from collections.abc import Callable

from wherry.api import errors
from wherry.api.scheme import Resource
from wherry.apiserver.admission.plugin import Plugin, forbidden
from wherry.apiserver.attributes import Attributes, Reader

IMMORTAL = frozenset({"default", "kube-system", "kube-public"})
_REVIEWS = frozenset({"localsubjectaccessreviews.authorization.k8s.io"})


class NamespaceLifecycle(Plugin):
    name = "NamespaceLifecycle"
    operations = ("CREATE", "UPDATE", "DELETE")

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, resource: Resource, subresource: str, operation: str) -> bool:
        if resource.group_resource == "namespaces":
            return operation == "DELETE"
        if resource.group_resource in _REVIEWS:
            return False
        return resource.namespaced and operation in ("CREATE", "UPDATE")

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        if attributes.operation == "DELETE":
            if attributes.info.name in IMMORTAL:
                resource = attributes.resource
                raise errors.forbidden(
                    resource.group, resource.name, attributes.info.name, "this namespace may not be deleted"
                )
            return None
        name = attributes.info.namespace
        namespace = self._reader.get("namespaces", name)
        if namespace is None:
            raise errors.not_found("", "namespaces", name)
        if attributes.operation == "CREATE" and _is_going(namespace):
            why = f"unable to create new content in namespace {name} because it is being terminated"
            refusal = forbidden(attributes, why)
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {name} is being terminated",
                "field": "metadata.namespace",
            }
            refusal.details = {**(refusal.details or {}), "causes": [cause]}
            raise refusal
        return None


def _is_going(namespace: dict[str, object]) -> bool:
    status = namespace.get("status")
    return isinstance(status, dict) and status.get("phase") == "Terminating"
