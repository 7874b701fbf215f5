"""The scale subresource: the replica count of anything that has one, as autoscaling/v1 Scale
(upstream registry/apps/*/storage, `ScaleREST`)."""

from __future__ import annotations

import dataclasses
from typing import Any

from wherry.api import errors, fieldpath, selectors
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, field
from wherry.apiserver.registry import decoding, getting, negotiation, patching, shapes
from wherry.apiserver.registry.core import Call, Core
from wherry.apiserver.registry.decoding import Wanted
from wherry.apiserver.registry.entry import encode
from wherry.apiserver.registry.options import WriteOptions, write_options
from wherry.apiserver.registry.respond import answer
from wherry.apiserver.registry.served import Served
from wherry.apiserver.registry.strategy import Column
from wherry.apiserver.registry.update import Outcome, change_object
from wherry.http.messages import Response

_COLUMNS = (
    NAME,
    Column("Desired", field("spec.replicas", 0), type="integer"),
    Column("Available", field("status.replicas", 0), type="integer"),
    AGE,
)
_SCALE = Wanted("autoscaling/v1", "Scale", "io.k8s.api.autoscaling.v1.Scale")


async def get(core: Core, call: Call) -> Response:
    accept = negotiation.accept(call.request.headers.get("accept", ""))
    entry = await getting.entry(core, call)
    body = encode(_scale_of(call.served, call.served.decode(entry)))
    body = shapes.shaped(core, _as_scale(call.served), accept, body, call.query)
    return answer(call.request, call.query, body, accept=accept)


async def update(core: Core, call: Call) -> Response:
    request = call.request
    options = write_options(call.query, "UpdateOptions")
    scale, warnings = decoding.decode(
        request.body,
        request.headers.get("content-type", ""),
        _SCALE,
        core.scheme,
        options.validation,
    )

    async def change(current: Obj, copy: Obj) -> Obj:
        return _scaled(call, copy, scale)

    outcome = await change_object(core, call, change, options)
    return _answer(core, call, outcome, warnings)


async def patch(core: Core, call: Call) -> Response:
    options: WriteOptions = write_options(call.query, "PatchOptions")
    media = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in (patching.JSON, patching.MERGE, patching.STRATEGIC):
        raise errors.ApiError("UnsupportedMediaType", "415: Unsupported Media Type", details={})
    inner = dataclasses.replace(call, served=_as_scale(call.served))
    apply, shown = patching.patcher(inner, media)
    warnings: tuple[str, ...] = ()

    async def change(current: Obj, copy: Obj) -> Obj:
        nonlocal warnings
        before = _scale_of(call.served, copy)
        scale, warnings = patching.checked(inner, apply(before), shown, options.validation, before=before)
        return _scaled(call, copy, scale)

    outcome = await change_object(core, call, change, options)
    return _answer(core, call, outcome, warnings)


def _as_scale(served: Served) -> Served:
    resource = dataclasses.replace(served.resource, group="autoscaling", version="v1", kind="Scale")
    strategy = dataclasses.replace(served.strategy, columns=_COLUMNS)
    return dataclasses.replace(served, resource=resource, strategy=strategy, definition=_SCALE.definition)


def _answer(core: Core, call: Call, outcome: Outcome, warnings: tuple[str, ...]) -> Response:
    accept = negotiation.accept(call.request.headers.get("accept", ""))
    body = encode(_scale_of(call.served, decoding.plain(outcome.body)))
    body = shapes.shaped(core, _as_scale(call.served), accept, body, call.query)
    return answer(call.request, call.query, body, accept=accept, warnings=(*warnings, *outcome.warnings))


def _scale_of(served: Served, obj: Obj) -> Obj:
    paths, metadata = served.strategy.scale or {}, obj["metadata"]
    fields = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    replicas = _at(obj, paths.get("spec", ""))
    status: Obj = {"replicas": _at(obj, paths.get("status", "")) or 0}
    if selector := _selector(_at(obj, paths.get("selector", ""))):
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in fields if key in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def _selector(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return ""
    if "matchLabels" in value or "matchExpressions" in value:
        pairs = value.get("matchLabels") or {}
        rules = value.get("matchExpressions") or ()
        found = [selectors.Requirement(k, "=", (v,)) for k, v in pairs.items()]
        found += [selectors.requirement(r["key"], r["operator"], r.get("values") or ()) for r in rules]
        return str(selectors.Selector(tuple(sorted(found, key=lambda r: r.key))))
    return str(selectors.from_map(value))


def _scaled(call: Call, obj: Obj, scale: Obj) -> Obj:
    """The object with the scale's count; ApiError when the scale is not one for it."""
    info, metadata = call.info, scale["metadata"]
    name = metadata.get("name") or info.name
    if name != info.name:
        raise errors.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({info.name})"
        )
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if replicas < 0:
        problem = fieldpath.invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise errors.invalid("autoscaling", "Scale", info.name, [problem])
    for key in ("resourceVersion", "uid"):
        if metadata.get(key):
            obj["metadata"][key] = metadata[key]
    parts = (call.served.strategy.scale or {}).get("spec", "spec.replicas").split(".")
    here = obj
    for part in parts[:-1]:
        here = here.setdefault(part, {})
    here[parts[-1]] = replicas
    return obj


def _at(obj: Any, path: str) -> Any:
    for part in path.split(".") if path else ():
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj
