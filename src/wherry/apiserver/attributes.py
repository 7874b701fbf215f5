"""What is known of a request once it has been routed and authenticated.

`RequestInfo` is upstream's (`k8s.io/apiserver/pkg/endpoints/request`), `User` is authentication's
result, `Attributes` is what admission sees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from wherry.api.schema import Obj
from wherry.api.scheme import Resource


@dataclass(frozen=True, slots=True)
class User:
    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))
LOOPBACK = User("system:apiserver", ("system:masters", "system:authenticated"))


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """`verb` is get, list, watch, create, update, patch, delete, deletecollection, or the lower-case
    HTTP method where `is_resource` is False (then only `path` means something)."""

    verb: str
    path: str
    is_resource: bool = False
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""


@dataclass(slots=True)
class Attributes:
    """`obj` is what will be written (None for delete and connect) and may be changed by mutating
    admission; `old` is what is there."""

    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    info: RequestInfo
    resource: Resource
    user: User
    obj: Obj | None
    old: Obj | None = None
    dry_run: bool = False


class Reader(Protocol):
    """The current state, from the watch cache, without waiting."""

    def get(self, group_resource: str, name: str, namespace: str = "") -> Obj | None:
        """The cached object (not to be changed), by `pods` or `deployments.apps`."""

    def list(self, group_resource: str, namespace: str = "") -> list[Obj]: ...


class AdmissionPlugin(Protocol):
    """One admission plugin, under upstream's name. `admit` runs before validation and may change
    `attributes.obj`; `validate` runs after it and may only refuse. A refusal is an ApiError."""

    name: str

    def handles(self, resource: Resource, subresource: str, operation: str) -> bool: ...

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        """May return a function that is called with whether the write came to pass (allocators
        give back what was not used)."""

    async def validate(self, attributes: Attributes) -> None: ...
