"""PATCH in its four kinds (upstream endpoints/handlers/patch.go).

The patch is applied to the object in the version of the URL; the result is checked like a body, and
then goes the way of an update. A patch that names no resourceVersion is applied again to the newer
state when it lost a race.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from wherry.api import errors, fieldpath
from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.apiserver.patch import go_text, json_patch, merge_patch, strategic
from wherry.apiserver.registry import applying, decoding, negotiation, strict, syntax
from wherry.apiserver.registry.core import Call, Core
from wherry.apiserver.registry.entry import encode
from wherry.apiserver.registry.options import FieldValidation, write_options
from wherry.apiserver.registry.respond import answer
from wherry.apiserver.registry.shapes import shaped
from wherry.apiserver.registry.update import Outcome, change_object, check_identity
from wherry.http.messages import Response

JSON, MERGE = "application/json-patch+json", "application/merge-patch+json"
STRATEGIC, APPLY = "application/strategic-merge-patch+json", "application/apply-patch+yaml"

Patcher = Callable[[Obj], Obj]


async def patch(core: Core, call: Call) -> Response:
    request = call.request
    accept = negotiation.accept(request.headers.get("accept", ""))
    outcome = await patch_object(core, call)
    body = shaped(core, call.served, accept, outcome.body, call.query)
    status = 201 if outcome.created else 200
    return answer(request, call.query, body, accept=accept, status=status, warnings=outcome.warnings)


async def patch_object(core: Core, call: Call) -> Outcome:
    """Applies the request's patch."""
    media = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == APPLY:
        return await applying.apply(core, call)
    if media not in (JSON, MERGE, STRATEGIC) or (media == STRATEGIC and call.served.definition is None):
        raise ApiError("UnsupportedMediaType", "415: Unsupported Media Type", details={})
    if len(call.request.body) > decoding.MAX_BODY:
        raise errors.too_large(f"Request entity too large: limit is {decoding.MAX_BODY}")
    options = write_options(call.query, "PatchOptions")
    apply, shown = patcher(call, media)
    warnings: tuple[str, ...] = ()

    async def change(current: Obj, copy: Obj) -> Obj:
        nonlocal warnings
        patched = apply(copy)
        obj, warnings = checked(call, patched, shown, options.validation, before=copy)
        check_identity(call, obj)
        return obj

    outcome = await change_object(core, call, change, options)
    outcome.warnings = (*warnings, *outcome.warnings)
    return outcome


def checked(
    call: Call, patched: Any, shown: str, validation: FieldValidation, *, before: Obj
) -> tuple[Obj, tuple[str, ...]]:
    """A patched object, found to be one of its kind; Invalid (of `patch`) when it is not. Stanzas that
    are still those of `before` were found right when they were written."""
    served = call.served
    resource, definition = served.resource, served.definition
    if not isinstance(patched, dict) or not isinstance(patched.get("metadata"), dict):
        raise _invalid(shown, patched, "the patched document is not an object")
    if patched.get("kind") != resource.kind or patched.get("apiVersion") != resource.api_version:
        group = resource.group.partition(".")[0] or "core"
        there = f"{str(patched.get('apiVersion')).rpartition('/')[2]}.{patched.get('kind')}"
        raise _invalid(
            shown, patched, f"converting ({there}) to ({group}.{resource.kind}): unknown conversion"
        )
    if definition is not None:
        changed = {key: value for key, value in patched.items() if value is not before.get(key)}
        if decoding.in_order(changed, definition):
            return patched, ()
    obj, found = strict.inspect(patched, definition)
    if found.mismatch:
        raise _invalid(shown, patched, found.mismatch)
    if not found.fields or validation == "Ignore":
        return obj, ()
    if validation == "Strict":
        raise _invalid(shown, patched, "strict decoding error: " + ", ".join(found.fields))
    return obj, tuple(found.fields)


def _invalid(shown: str, patched: Any, why: str) -> ApiError:
    value = shown or encode(patched).decode()
    return errors.invalid("", "", "", [fieldpath.invalid_value("patch", value, why)])


def patcher(call: Call, media: str) -> tuple[Patcher, str]:
    """What applies the patch, and the patch as refusals show it ("": they show the result)."""
    body = call.request.body
    prefix = "" if media == STRATEGIC else "error decoding patch: "
    try:
        patch: Any = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        raise errors.bad_request(prefix + (syntax.of(body) or "a value cannot be read")) from None
    if media == JSON:
        return _json_patcher(patch), ""
    if not isinstance(patch, dict):
        what = strict.json_type(patch)
        why = f"{prefix}json: cannot unmarshal {what} into Go value of type map[string]interface {{}}"
        raise errors.bad_request(why)
    definition = call.served.definition
    if media == MERGE or definition is None:
        return lambda obj: merge_patch.apply(obj, patch), ""

    def merge(obj: Obj) -> Obj:
        try:
            return strategic.apply(obj, patch, definition)
        except strategic.StrategicError as error:
            raise errors.bad_request(str(error)) from None

    return merge, go_text.printed(patch)


def _json_patcher(patch: Any) -> Patcher:
    try:
        operations = json_patch.check(patch)
    except json_patch.PatchFormatError as error:
        if isinstance(patch, list) and len(patch) > json_patch.MAX_OPERATIONS:
            raise errors.too_large(f"Request entity too large: {error}") from None
        raise errors.bad_request(f"error decoding patch: {error}") from None

    def apply(obj: Obj) -> Obj:
        try:
            patched: Obj = json_patch.apply(obj, operations)
        except json_patch.PatchTooLarge as error:
            raise errors.too_large(f"Request entity too large: {error}") from None
        except json_patch.PatchError as error:
            text = "the server rejected our request due to an error in our request"
            raise ApiError("Invalid", text, details={}) from error
        return patched

    return apply
