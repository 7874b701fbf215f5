"""Kinds about the API server itself: admission webhooks and policies, flow control, certificates,
runtime classes, aggregated APIs. Stored, defaulted and shown; what they do is elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wherry.api import validation_text
from wherry.api.fieldpath import invalid_value, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, NONE, UNSET, at
from wherry.apiserver.kinds.durations import human_duration
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy


def _default_webhooks(mutating: bool) -> Callable[[Obj], None]:
    values: list[tuple[str, Any]] = [
        ("failurePolicy", "Fail"),
        ("matchPolicy", "Equivalent"),
        ("timeoutSeconds", 10),
    ]
    if mutating:
        values.append(("reinvocationPolicy", "Never"))

    def default(configuration: Obj) -> None:
        for hook in configuration.get("webhooks") or ():
            for field, value in values:
                if hook.get(field) is None:
                    hook[field] = value
            for field in ("namespaceSelector", "objectSelector"):
                hook.setdefault(field, {})
            for rule in hook.get("rules") or ():
                if rule.get("scope") is None:
                    rule["scope"] = "*"
            service = (hook.get("clientConfig") or {}).get("service")
            if service is not None and service.get("port") is None:
                service["port"] = 443

    return default


def _webhooks(kind: str, *, mutating: bool) -> Strategy:
    return Strategy(
        default=tidies(f"admissionregistration.v1.{kind}", _default_webhooks(mutating)),
        has_status=False,
        generation=True,
        columns=(
            NAME,
            Column("Webhooks", lambda obj, now: len(obj.get("webhooks") or ()), type="integer"),
            AGE,
        ),
    )


MUTATING_WEBHOOKS = _webhooks("MutatingWebhookConfiguration", mutating=True)
VALIDATING_WEBHOOKS = _webhooks("ValidatingWebhookConfiguration", mutating=False)


def _default_policy(policy: Obj) -> None:
    spec = policy["spec"]
    spec.setdefault("failurePolicy", "Fail")
    match = spec.get("matchConstraints")
    if match is not None:
        match.setdefault("matchPolicy", "Equivalent")
        match.setdefault("namespaceSelector", {})
        match.setdefault("objectSelector", {})
        for field in ("resourceRules", "excludeResourceRules"):
            for rule in match.get(field) or ():
                rule.setdefault("scope", "*")


def _parameters(obj: Obj, now: float) -> str:
    kind = at(obj, "spec.paramKind", None)
    return f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else UNSET


def _policies(kind: str, counted: str, column: str, *, has_status: bool) -> Strategy:
    return Strategy(
        default=tidies(f"admissionregistration.v1.{kind}", _default_policy),
        has_status=has_status,
        generation=True,
        columns=(
            NAME,
            Column(column, lambda obj, now: len(at(obj, f"spec.{counted}", ())), type="integer"),
            Column("ParamKind", _parameters),
            AGE,
        ),
    )


VALIDATING_POLICY = _policies("ValidatingAdmissionPolicy", "validations", "Validations", has_status=True)
MUTATING_POLICY = _policies("MutatingAdmissionPolicy", "mutations", "Mutations", has_status=False)


def _parameter_reference(obj: Obj, now: float) -> str:
    reference = at(obj, "spec.paramRef", None)
    if not reference:
        return UNSET
    if reference.get("name"):
        namespace = reference.get("namespace")
        return f"{namespace}/{reference['name']}" if namespace else str(reference["name"])
    return "<selector>"


def _policy_bindings(kind: str) -> Strategy:
    return Strategy(
        default=tidies(f"admissionregistration.v1.{kind}"),
        has_status=False,
        generation=True,
        columns=(
            NAME,
            Column("PolicyName", lambda obj, now: at(obj, "spec.policyName")),
            Column("ParamRef", _parameter_reference),
            AGE,
        ),
    )


VALIDATING_POLICY_BINDING = _policy_bindings("ValidatingAdmissionPolicyBinding")
MUTATING_POLICY_BINDING = _policy_bindings("MutatingAdmissionPolicyBinding")


def _prepare_request(request: Obj, context: Context) -> None:
    """Who asks is what the signer goes by, so it is never the client's to say."""
    request["status"] = {}
    if context.user:
        request["spec"]["username"] = context.user


def _default_request(request: Obj) -> None:
    if not request["spec"].get("usages"):
        request["spec"]["usages"] = ["digital signature", "key encipherment"]


def _validate_request(request: Obj) -> Errors:
    out: Errors = []
    spec = request["spec"]
    if not spec.get("request"):
        out.append(required("spec.request"))
    if not spec.get("signerName"):
        out.append(required("spec.signerName"))
    if not spec.get("usages"):
        out.append(required("spec.usages"))
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < 600:
        message = "may not specify a duration less than 600 seconds (10 minutes)"
        out.append(invalid_value("spec.expirationSeconds", seconds, message))
    return out


def _condition(request: Obj, now: float) -> str:
    kinds = [c.get("type") for c in at(request, "status.conditions", ())]
    shown = [kind for kind in ("Approved", "Denied", "Failed") if kind in kinds]
    if not shown:
        return "Pending"
    if at(request, "status.certificate"):
        shown.append("Issued")
    return ",".join(shown)


def _requested(request: Obj, now: float) -> str:
    seconds = at(request, "spec.expirationSeconds", None)
    return NONE if seconds is None else human_duration(seconds)


CERTIFICATE_REQUEST = Strategy(
    default=tidies("certificates.v1.CertificateSigningRequest", _default_request),
    prepare_create=_prepare_request,
    validate=_validate_request,
    generation=False,
    fields={"spec.signerName": lambda obj: at(obj, "spec.signerName")},
    columns=(
        NAME,
        AGE,
        Column("SignerName", lambda obj, now: at(obj, "spec.signerName") or NONE),
        Column("Requestor", lambda obj, now: at(obj, "spec.username")),
        Column("RequestedDuration", _requested),
        Column("Condition", _condition),
    ),
)


def _validate_runtime(runtime: Obj) -> Errors:
    out: Errors = []
    handler = runtime.get("handler", "")
    if not handler:
        out.append(required("handler"))
    else:
        formats.name(handler, validation_text.dns_label, "handler", out)
    return out


def _validate_runtime_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    formats.immutable(new.get("handler"), old.get("handler"), "handler", out)
    return out


RUNTIME_CLASS = Strategy(
    default=tidies("node.v1.RuntimeClass"),
    validate=_validate_runtime,
    validate_update=_validate_runtime_update,
    has_status=False,
    columns=(NAME, Column("Handler", lambda obj, now: obj.get("handler", "")), AGE),
)


def _default_flow(flow: Obj) -> None:
    if not flow["spec"].get("matchingPrecedence"):
        flow["spec"]["matchingPrecedence"] = 1000


def _missing_level(flow: Obj, now: float) -> str:
    for condition in at(flow, "status.conditions", ()):
        if condition.get("type") == "Dangling":
            return str(condition.get("status", "?"))
    return "?"


FLOW_SCHEMA = Strategy(
    default=tidies("flowcontrol.v1.FlowSchema", _default_flow),
    generation=True,
    columns=(
        NAME,
        Column("PriorityLevel", lambda obj, now: at(obj, "spec.priorityLevelConfiguration.name")),
        Column("MatchingPrecedence", lambda obj, now: at(obj, "spec.matchingPrecedence", 0)),
        Column("DistinguisherMethod", lambda obj, now: at(obj, "spec.distinguisherMethod.type") or NONE),
        AGE,
        Column("MissingPL", _missing_level),
    ),
)


def _default_level(level: Obj) -> None:
    spec = level["spec"]
    limited, exempt = spec.get("limited"), spec.get("exempt")
    if limited is not None:
        for field, value in (("nominalConcurrencyShares", 30), ("lendablePercent", 0)):
            if limited.get(field) is None:
                limited[field] = value
        queuing = (limited.get("limitResponse") or {}).get("queuing")
        if queuing is not None:
            for field, value in (("handSize", 8), ("queues", 64), ("queueLengthLimit", 50)):
                if not queuing.get(field):
                    queuing[field] = value
    if exempt is not None:
        for field in ("nominalConcurrencyShares", "lendablePercent"):
            if exempt.get(field) is None:
                exempt[field] = 0


def _level(path: str) -> Callable[[Obj, float], int | str]:
    def shown(level: Obj, now: float) -> int | str:
        found: int | str = at(level, f"spec.limited.{path}", NONE)
        return found

    return shown


PRIORITY_LEVEL = Strategy(
    default=tidies("flowcontrol.v1.PriorityLevelConfiguration", _default_level),
    generation=True,
    columns=(
        NAME,
        Column("Type", lambda obj, now: at(obj, "spec.type")),
        Column("NominalConcurrencyShares", _level("nominalConcurrencyShares")),
        Column("Queues", _level("limitResponse.queuing.queues")),
        Column("HandSize", _level("limitResponse.queuing.handSize")),
        Column("QueueLengthLimit", _level("limitResponse.queuing.queueLengthLimit")),
        AGE,
    ),
)


def _service(api: Obj, now: float) -> str:
    service = at(api, "spec.service", None)
    return f"{service.get('namespace', '')}/{service.get('name', '')}" if service else "Local"


def _available(api: Obj, now: float) -> str:
    for condition in at(api, "status.conditions", ()):
        if condition.get("type") == "Available":
            if condition.get("status") == "True":
                return "True"
            return f"{condition.get('status', '')} ({condition.get('reason', '')})"
    return "Unknown"


def _default_api(api: Obj) -> None:
    service = (api.get("spec") or {}).get("service")
    if service is not None and service.get("port") is None:
        service["port"] = 443


API_SERVICE = Strategy(
    default=_default_api,
    columns=(NAME, Column("Service", _service), Column("Available", _available), AGE),
)

COMPONENT_STATUS = Strategy(
    deprecated="v1 ComponentStatus is deprecated in v1.19+",
    columns=(
        NAME,
        Column("Status", lambda obj, now: _healthy(obj).get("status", "")),
        Column("Message", lambda obj, now: _healthy(obj).get("message", "")),
        Column("Error", lambda obj, now: _healthy(obj).get("error", "")),
    ),
)


def _healthy(component: Obj) -> Obj:
    for condition in component.get("conditions") or ():
        if condition.get("type") == "Healthy":
            good = condition.get("status") == "True"
            return {**condition, "status": "Healthy" if good else "Unhealthy"}
    return {}
