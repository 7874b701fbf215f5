"""What all admission plugins here are made from.

A plugin says once (`resource`, `operations`) what it is asked about; a refusal is raised. Plugins see the
state through a `Reader`, which never waits, so admitting an object costs no I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import Resource
from wherry.apiserver.attributes import Attributes


class Plugin:
    """Asked about `resources` (and no subresource of theirs) in `operations`."""

    name: str = ""
    resources: ClassVar[tuple[str, ...]]
    operations: ClassVar[tuple[str, ...]] = ("CREATE",)

    def handles(self, resource: Resource, subresource: str, operation: str) -> bool:
        return not subresource and operation in self.operations and resource.group_resource in self.resources

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        return None

    async def validate(self, attributes: Attributes) -> None:
        return None


def the_object(attributes: Attributes) -> Obj:
    """What will be written; only for operations that write something."""
    if attributes.obj is None:
        raise errors.bad_request("there is no object to admit")
    return attributes.obj


def name_of(attributes: Attributes) -> str:
    """As errors name the object: generated names count once they are there."""
    if attributes.info.name:
        return attributes.info.name
    metadata = (attributes.obj or {}).get("metadata") or {}
    return str(metadata.get("name") or metadata.get("generateName") or "")


def namespace_of(attributes: Attributes) -> str:
    return attributes.info.namespace


def forbidden(attributes: Attributes, why: str) -> ApiError:
    """`pods "x" is forbidden: why` (admission.NewForbidden)."""
    resource = attributes.resource
    return errors.forbidden(resource.group, resource.name, name_of(attributes) or "Unknown", why)
