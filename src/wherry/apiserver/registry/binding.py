"""pods/binding: the scheduler's choice of a node (upstream registry/core/pod/storage, `BindingREST`)."""

from __future__ import annotations

import dataclasses

from wherry.api import errors
from wherry.api.schema import Obj
from wherry.apiserver.registry import decoding, writing
from wherry.apiserver.registry.core import Call, Core, conclude
from wherry.apiserver.registry.decoding import Wanted
from wherry.apiserver.registry.entry import Entry, encode
from wherry.apiserver.registry.options import WriteOptions, write_options
from wherry.apiserver.registry.respond import answer
from wherry.apiserver.registry.update import ATTEMPTS, current_entry
from wherry.clock import rfc3339
from wherry.http.messages import Response

_BINDING = Wanted("v1", "Binding", "io.k8s.api.core.v1.Binding")
CREATED = encode({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
"""What a subresource that makes nothing answers to POST."""


async def bind(core: Core, call: Call) -> Response:
    request = call.request
    options = write_options(call.query, "CreateOptions")
    binding, warnings = decoding.decode(
        request.body,
        request.headers.get("content-type", ""),
        _BINDING,
        core.scheme,
        options.validation,
    )
    if not call.info.name:  # POST to the bindings resource names its pod in the body alone
        name = binding["metadata"].get("name", "")
        call = dataclasses.replace(call, info=dataclasses.replace(call.info, name=name))
    check_names(call, binding, "Binding")
    _check_target(binding)
    attributes = call.attributes("CREATE", binding, None, options.dry_run)
    finishes = await core.admission.admit(attributes)
    written = False
    try:
        await core.admission.validate(attributes)
        await _assign(core, call, binding, options)
        written = not options.dry_run
    finally:
        conclude(finishes, written)
    return answer(request, call.query, CREATED, status=201, warnings=warnings)


def check_names(call: Call, obj: Obj, kind: str) -> None:
    """The body names the object of the URL."""
    metadata, info = obj["metadata"], call.info
    if metadata.get("name", "") != info.name:
        raise errors.bad_request(f"name in URL does not match name in {kind} object")
    if metadata.get("namespace") and metadata["namespace"] != call.namespace:
        raise errors.bad_request(f"namespace in URL does not match namespace in {kind} object")


def _check_target(binding: Obj) -> None:
    target = binding.get("target") or {}
    problems = []
    if target.get("kind", "") not in ("", "Node"):
        problems.append(
            f'target.kind: Unsupported value: "{target["kind"]}": supported values: "Node", "<empty>"'
        )
    if not target.get("name"):
        problems.append("target.name: Required value")
    if problems:
        text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        raise errors.bad_request(text)


async def _assign(core: Core, call: Call, binding: Obj, options: WriteOptions) -> None:
    entry = await current_entry(core, call)
    for _ in range(ATTEMPTS):
        pod = entry.decode()
        _check_assignable(call, pod, binding)
        _place(pod, binding, rfc3339(core.now()))
        if options.dry_run:
            return
        try:
            await writing.replace(core, call.served, entry, pod)
            return
        except writing.Moved as moved:
            entry = _moved(call, moved)
    raise call.served.modified(call.info.name)


def _moved(call: Call, moved: writing.Moved) -> Entry:
    if moved.current is None:
        raise call.served.not_found(call.info.name) from None
    return writing.entry_of(call.served, call.namespace, call.info.name, moved.current)


def _check_assignable(call: Call, pod: Obj, binding: Obj) -> None:
    name, metadata, spec = call.info.name, pod["metadata"], pod["spec"]
    wanted = binding["metadata"]
    why = ""
    uid = wanted.get("uid")
    if uid and uid != metadata["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {metadata['uid']}"
    elif wanted.get("resourceVersion") and wanted["resourceVersion"] != metadata["resourceVersion"]:
        why = errors.OBJECT_MODIFIED
    elif metadata.get("deletionTimestamp"):
        why = f"pod {name} is being deleted, cannot be assigned to a host"
    elif spec.get("nodeName"):
        why = f'pod {name} is already assigned to node "{spec["nodeName"]}"'
    elif spec.get("schedulingGates"):
        why = f"pod {name} has non-empty .spec.schedulingGates"
    if why:
        raise errors.conflict("", "pods/binding", name, why)


def _place(pod: Obj, binding: Obj, now: str) -> None:
    pod["spec"]["nodeName"] = binding["target"]["name"]
    for field in ("annotations", "labels"):
        if given := binding["metadata"].get(field):
            pod["metadata"][field] = {**(pod["metadata"].get(field) or {}), **given}
    status = pod.setdefault("status", {})
    conditions = status.setdefault("conditions", [])
    scheduled = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": now,
    }
    for number, condition in enumerate(conditions):
        if condition.get("type") == "PodScheduled":
            if condition.get("status") == "True":
                scheduled["lastTransitionTime"] = condition.get("lastTransitionTime", now)
            conditions[number] = scheduled
            return
    conditions.append(scheduled)
