"""ConfigMaps and Secrets that pods of this node refer to, read as they are needed.

A read answers from what was read at most `FRESH` seconds ago. A kubelet may read single objects only
(the node authorizer lets it see what its pods refer to), so there is no list or watch here.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.client.rest import Client
from wherry.kubelet.host import SetupError

Kind = Literal["configmap", "secret"]

FRESH = 15.0
_MOST = 2000
_RESOURCES = {"configmap": resource("configmaps"), "secret": resource("secrets")}


class ObjectReader:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._read: dict[tuple[Kind, str, str], tuple[float, Any]] = {}

    async def get(self, kind: Kind, namespace: str, name: str, *, newest: bool = False) -> Any:
        """The object; ApiError NotFound and the like as the server gives them."""
        key = (kind, namespace, name)
        now = asyncio.get_running_loop().time()
        known = self._read.get(key)
        if known is not None and not newest and now - known[0] < FRESH:
            return known[1]
        found = await self._client.get(_RESOURCES[kind], name, namespace)
        if len(self._read) >= _MOST:
            self._read.clear()
        self._read[key] = (now, found)
        return found

    async def find(self, kind: Kind, namespace: str, name: str, *, optional: bool) -> Any | None:
        """The object, None when an optional one is missing. SetupError in upstream's words."""
        try:
            return await self.get(kind, namespace, name)
        except ApiError as error:
            if error.reason == "NotFound":
                if optional:
                    return None
                raise SetupError("CreateContainerConfigError", f'{kind} "{name}" not found') from error
            raise SetupError("CreateContainerConfigError", error.message) from error
