"""What one kind adds to the generic verbs: data and pure functions, nothing that does I/O.

The generic registry (store.py) does everything that is the same for all kinds: names, uids,
resourceVersions, generation, finalizers, graceful deletion, patches, managed fields. A `Strategy`
says what is particular. Kinds without one get `Strategy()`, which is complete: objects of any kind
in the schema can be stored.

Objects are plain JSON values. `default` and `prepare_*` change the object they are given in place;
validation returns every complaint it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from wherry.api import validation_text
from wherry.api.fieldpath import FieldError
from wherry.api.schema import Obj


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`. `value` takes the object and the current time (seconds since the
    epoch) and gives a string, an integer or a boolean; `priority` above 0 shows with `-o wide`."""

    name: str
    value: Callable[[Obj, float], Any]
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks and when, for `prepare_*`."""

    time: float
    user: str = ""
    subresource: str = ""


def _nothing(*_: Any) -> None: ...


def _valid(*_: Any) -> list[FieldError]:
    return []


@dataclass(frozen=True, slots=True)
class Strategy:
    default: Callable[[Obj], None] = _nothing
    """Fills what upstream's SetDefaults_* fill. Runs on every object before validation."""

    prepare_create: Callable[[Obj, Context], None] = _nothing
    """Before a create is validated: drop what clients may not set (status), set initial values."""

    prepare_update: Callable[[Obj, Obj, Context], None] = _nothing
    """(new, old, context) before an update: keep what may not change that way. The registry itself
    keeps `status` on the main resource, everything but `status` and some metadata on `/status`, and
    bumps `metadata.generation` when anything outside metadata and status changed."""

    prepare_status: Callable[[Obj, Obj, Context], None] = _nothing
    """(new, old, context) before a `/status` update."""

    validate: Callable[[Obj], list[FieldError]] = _valid
    """The whole object, metadata excepted (the registry does metadata by `name_rule`)."""

    validate_update: Callable[[Obj, Obj], list[FieldError]] = _valid
    """(new, old): what may not change. Runs beside `validate`."""

    validate_status: Callable[[Obj, Obj], list[FieldError]] = _valid

    name_rule: Callable[[str], list[str]] = validation_text.dns_subdomain

    has_status: bool = True
    """False: the kind has no status stanza to keep apart (ConfigMap, Secret, Event…)."""

    generation: bool = False
    """True: `metadata.generation` counts spec changes (Deployment…, Pod)."""

    fields: Mapping[str, Callable[[Obj], str]] = field(default_factory=dict)
    """Field labels beside metadata.name and metadata.namespace (spec.nodeName…)."""

    columns: Sequence[Column] = ()
    """All of them, Name and Age included, in upstream's order; empty: Name and Created At."""

    warnings: Callable[[Obj, Obj | None], list[str]] = lambda new, old: []
    """Texts for `Warning:` headers on create (old None) and update."""

    deprecated: str = ""
    """A text for the `Warning:` header of every answer about the kind."""

    graceful: Callable[[Obj, int | None], int] | None = None
    """(object, gracePeriodSeconds asked for) -> seconds to leave it terminating; 0 deletes at once.
    None: the kind knows no graceful deletion. Pods have it."""

    create_on_update: bool = False
    """PUT of a missing object creates it (upstream: leases, endpoints, events, services no…)."""

    unconditional_update: bool = True
    """A PUT without resourceVersion is taken as it is; False: it is refused."""

    default_propagation: Literal["background", "orphan"] = "background"

    scale: Mapping[str, str] | None = None
    """For kinds with a scale subresource: dotted paths {"spec": "spec.replicas", "status":
    "status.replicas", "selector": "spec.selector"}."""


GENERIC = Strategy()
