"""Every namespace has the service account `default`. Follows upstream's
`pkg/controller/serviceaccount/serviceaccounts_controller.go`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.controllers.base import Context, Controller, own_key
from wherry.controllers.namespace import NAMESPACES
from wherry.controllers.podcontrol import namespace_is_going

SERVICE_ACCOUNTS = resource("serviceaccounts")
NAMES = ("default",)


def its_namespace(obj: Any) -> Iterable[str]:
    return (obj.metadata.namespace,)


class ServiceAccountController(Controller):
    name = "serviceaccount-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.workers = context.settings.service_account_workers
        self._namespaces = self.watch(context.informer(NAMESPACES), own_key)
        self._accounts = self.watch(context.informer(SERVICE_ACCOUNTS), its_namespace)

    async def reconcile(self, key: str) -> float | None:
        namespace = self._namespaces.get(key)
        if namespace is None or namespace.metadata.deletionTimestamp is not None:
            return None
        for name in NAMES:
            if self._accounts.get(name, key) is None:
                try:
                    await self.client.create(SERVICE_ACCOUNTS, {"metadata": {"name": name, "namespace": key}})
                except ApiError as error:
                    if error.reason != "AlreadyExists" and not namespace_is_going(error):
                        raise
        return None
