"""Every namespace has the ConfigMap `kube-root-ca.crt`, from which pods learn whom to trust.

Follows upstream's `pkg/controller/certificates/rootcacertpublisher`. Watches only ConfigMaps of that
name.
"""

from __future__ import annotations

from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.controllers.base import Context, Controller, own_key
from wherry.controllers.namespace import NAMESPACES
from wherry.controllers.podcontrol import namespace_is_going
from wherry.controllers.serviceaccounts import its_namespace

CONFIG_MAPS = resource("configmaps")
NAME = "kube-root-ca.crt"
_ANNOTATIONS = {
    "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when "
    "using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
    "guaranteed across distributions of Kubernetes clusters."
}


class RootCaController(Controller):
    name = "root-ca-certificate-publisher-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._namespaces = self.watch(context.informer(NAMESPACES), own_key)
        self._maps = self.watch(
            context.informers.informer(CONFIG_MAPS, field_selector=f"metadata.name={NAME}"), its_namespace
        )

    async def reconcile(self, key: str) -> float | None:
        namespace = self._namespaces.get(key)
        if namespace is None or namespace.metadata.deletionTimestamp is not None:
            return None
        current, data = self._maps.get(NAME, key), {"ca.crt": self.context.settings.root_ca}
        metadata = {"name": NAME, "namespace": key, "annotations": _ANNOTATIONS}
        if current is None:
            try:
                await self.client.create(CONFIG_MAPS, {"metadata": metadata, "data": data})
            except ApiError as error:
                if error.reason != "AlreadyExists" and not namespace_is_going(error):
                    raise
        elif current.data != data or not _ANNOTATIONS.items() <= current.metadata.annotations.items():
            gone = dict.fromkeys(sorted(current.data.keys() - data.keys()))
            conditional = {
                "annotations": _ANNOTATIONS,
                "resourceVersion": current.metadata.resourceVersion,
            }
            patch = {"metadata": conditional, "data": {**gone, **data}}
            await self.client.patch(CONFIG_MAPS, NAME, patch, key)
        return None
