"""POST of a new object (upstream endpoints/handlers/create.go and registry/rest/create.go).

Order, as upstream: decode and default, managed fields, mutating admission, system fields and strategy,
validation, validating admission, store.
"""

from __future__ import annotations

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.apiserver.registry import decoding, negotiation, objectmeta, ownership, writing
from wherry.apiserver.registry.core import Call, Core, conclude
from wherry.apiserver.registry.entry import Entry, encode
from wherry.apiserver.registry.options import WriteOptions, manager_name, write_options
from wherry.apiserver.registry.respond import answer
from wherry.apiserver.registry.shapes import shaped
from wherry.apiserver.registry.strategy import Context
from wherry.clock import rfc3339, uuid4
from wherry.http.messages import Response

NAME_ATTEMPTS = 8
"""How often a generated name may turn out to be taken."""


async def create(core: Core, call: Call) -> Response:
    request = call.request
    options = write_options(call.query, "CreateOptions")
    accept = negotiation.accept(request.headers.get("accept", ""))
    obj, warnings = decoding.decode(
        request.body,
        request.headers.get("content-type", ""),
        call.served.wanted,
        core.scheme,
        options.validation,
    )
    body, more = await create_object(core, call, obj, options)
    shown = shaped(core, call.served, accept, body, call.query)
    return answer(request, call.query, shown, accept=accept, status=201, warnings=(*warnings, *more))


async def create_object(
    core: Core, call: Call, obj: Obj, options: WriteOptions, *, manager: str = ""
) -> tuple[bytes, tuple[str, ...]]:
    """Creates a decoded object; gives its encoded form in the served version, and warnings."""
    served = call.served
    metadata = obj["metadata"]
    _place(call, metadata)
    if metadata.get("resourceVersion"):
        raise errors.bad_request("resourceVersion should not be set on objects to be created")
    now = core.now()
    served.strategy.default(obj)
    if manager != NO_MANAGER:
        ownership.created(served, obj, manager or manager_name(options, call.agent), now)
    attributes = call.attributes("CREATE", obj, None, options.dry_run)
    finishes = await core.admission.admit(attributes)
    written = False
    try:
        _complete(core, call, obj, now)
        _validate(call, obj)
        await core.admission.validate(attributes)
        warnings = tuple(served.strategy.warnings(obj, None))
        body = await _write(core, call, obj, options)
        written = not options.dry_run
    finally:
        conclude(finishes, written)
    return body, warnings


NO_MANAGER = "\0"
"""A `manager` for objects whose managed fields are settled already (server-side apply)."""


def _place(call: Call, metadata: Obj) -> None:
    """The namespace of the URL is the object's."""
    given, wanted = metadata.get("namespace", ""), call.namespace
    if wanted:
        if given and given != wanted:
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        metadata["namespace"] = wanted
    elif given:
        del metadata["namespace"]


def _complete(core: Core, call: Call, obj: Obj, now: float) -> None:
    """What the system says of a new object (`rest.FillObjectMetaSystemFields`, strategies)."""
    served = call.served
    metadata = obj["metadata"]
    for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
        metadata.pop(field, None)
    metadata["uid"] = uuid4(core.env.rng)
    metadata["creationTimestamp"] = rfc3339(now)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = objectmeta.generated_name(metadata["generateName"], core.env.rng)
    served.strategy.prepare_create(obj, Context(now, call.user.name))
    if served.strategy.generation:
        metadata["generation"] = 1
    served.strategy.default(obj)  # as reading it back from the store would


def _validate(call: Call, obj: Obj) -> None:
    served = call.served
    resource, strategy = served.resource, served.strategy
    problems = objectmeta.validate(obj["metadata"], resource.namespaced, strategy.name_rule)
    problems += strategy.validate(obj)
    if problems:
        raise errors.invalid(resource.group, resource.kind, obj["metadata"].get("name", ""), problems)


async def _write(core: Core, call: Call, obj: Obj, options: WriteOptions) -> bytes:
    served, metadata = call.served, obj["metadata"]
    if options.dry_run:
        await core.feed.current()
        if served.cache.get(served.relative(call.namespace, metadata["name"])) is not None:
            raise served.already_exists(metadata["name"])
        return encode(obj)
    generated = bool(metadata.get("generateName")) and metadata["name"].startswith(metadata["generateName"])
    for attempt in range(1, NAME_ATTEMPTS + 1):
        try:
            entry: Entry = await writing.create(core, call, metadata["name"], obj)
            return served.render(entry)
        except ApiError as error:
            if error.reason != "AlreadyExists" or not generated or attempt == NAME_ATTEMPTS:
                raise
        metadata["name"] = objectmeta.generated_name(metadata["generateName"], core.env.rng)
    raise served.already_exists(metadata["name"])
