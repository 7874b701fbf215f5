"""The operations of a group version as OpenAPI paths. Pure.

kubectl reads from them which query parameters (dryRun, fieldValidation) a kind's PATCH takes;
generators read the rest.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from wherry.api import schema
from wherry.api.scheme import Resource, Subresource
from wherry.apiserver.openapi_schemas import Dialect, reference

Operation: TypeAlias = dict[str, Any]
Scalar = Literal["string", "boolean", "integer"]

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_MEDIA = ("application/json", "application/yaml")
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_WRITE: dict[str, Scalar] = {"dryRun": "string", "fieldManager": "string", "fieldValidation": "string"}
_DELETE: dict[str, Scalar] = {
    "dryRun": "string",
    "gracePeriodSeconds": "integer",
    "ignoreStoreReadErrorWithClusterBreakingPotential": "boolean",
    "orphanDependents": "boolean",
    "propagationPolicy": "string",
}
_LIST: dict[str, Scalar] = {
    "allowWatchBookmarks": "boolean",
    "continue": "string",
    "fieldSelector": "string",
    "labelSelector": "string",
    "limit": "integer",
    "resourceVersion": "string",
    "resourceVersionMatch": "string",
    "sendInitialEvents": "boolean",
    "shardSelector": "string",
    "timeoutSeconds": "integer",
    "watch": "boolean",
}
_DELETE_MANY = {k: v for k, v in (_DELETE | _LIST).items() if k not in ("allowWatchBookmarks", "watch")}
_CONNECT = frozenset(("attach", "exec", "portforward", "proxy"))
# verb -> (HTTP method, x-kubernetes-action, words, query parameters, successes)
_VERBS: dict[str, tuple[str, str, str, dict[str, Scalar], tuple[int, ...]]] = {
    "list": ("get", "list", "list or watch objects of kind {}", _LIST, (200,)),
    "create": ("post", "post", "create a {}", _WRITE, (200, 201, 202)),
    "deletecollection": ("delete", "deletecollection", "delete collection of {}", _DELETE_MANY, (200,)),
    "get": ("get", "get", "read the specified {}", {}, (200,)),
    "update": ("put", "put", "replace the specified {}", _WRITE, (200, 201)),
    "patch": (
        "patch",
        "patch",
        "partially update the specified {}",
        _WRITE | {"force": "boolean"},
        (200, 201),
    ),
    "delete": ("delete", "delete", "delete a {}", _DELETE, (200, 202)),
}
_PROXY_METHODS = ("get", "head", "options", "post", "put", "patch", "delete")
_COLLECTION = ("list", "create", "deletecollection")
_OBJECT = ("get", "update", "patch", "delete")
_WORDS = {200: "OK", 201: "Created", 202: "Accepted"}


def kinds(resource: Resource) -> list[tuple[str, str]]:
    """Every (apiVersion, kind) the paths of a resource speak of."""
    found = [(resource.api_version, resource.kind), (resource.api_version, resource.kind + "List")]
    return found + [(_api_version(resource, sub), sub.kind) for sub in resource.subresources.values()]


def paths(resource: Resource) -> dict[str, Any]:
    """All paths of one resource by URL pattern."""
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    scope = f"{root}/namespaces/{{namespace}}" if resource.namespaced else root
    collection = f"{scope}/{resource.name}"
    where = ("namespace",) if resource.namespaced else ()
    made: dict[str, Any] = {}
    _add(made, collection, resource, _COLLECTION, where)
    _add(made, f"{collection}/{{name}}", resource, _OBJECT, ("name", *where))
    if resource.namespaced and "list" in resource.verbs:
        _add(made, f"{root}/{resource.name}", resource, ("list",), (), suffix="ForAllNamespaces")
    for sub in resource.subresources.values():
        made[f"{collection}/{{name}}/{sub.name}"] = _subresource(resource, sub, ("name", *where))
    return made


def _api_version(resource: Resource, sub: Subresource) -> str:
    if not sub.version:
        return resource.api_version
    return f"{sub.group}/{sub.version}" if sub.group else sub.version


def _add(
    made: dict[str, Any],
    path: str,
    resource: Resource,
    verbs: tuple[str, ...],
    where: tuple[str, ...],
    suffix: str = "",
) -> None:
    item: dict[str, Any] = {}
    for verb in verbs:
        if verb in resource.verbs:
            method = _VERBS[verb][0]
            item[method] = _operation(resource, verb, resource.api_version, resource.kind, suffix)
    if item:
        made[path] = item | {"parameters": _path_parameters(where, resource.kind)}


def _subresource(resource: Resource, sub: Subresource, where: tuple[str, ...]) -> dict[str, Any]:
    api_version = _api_version(resource, sub)
    item: dict[str, Any] = {}
    for verb in sub.verbs:
        suffix = sub.name.capitalize()
        if sub.name in _CONNECT:
            for method in _PROXY_METHODS if sub.name == "proxy" else ("get", "post"):
                item[method] = _connect(resource, sub, api_version, method)
        elif verb in _VERBS:
            item[_VERBS[verb][0]] = _operation(resource, verb, api_version, sub.kind, suffix)
    return item | {"parameters": _path_parameters(where, sub.kind)}


def _identity(api_version: str, kind: str) -> dict[str, str]:
    group, _, version = api_version.rpartition("/")
    return {"group": group, "kind": kind, "version": version}


def _title(resource: Resource) -> str:
    group = (resource.group or "core").removesuffix(".k8s.io").replace(".", "-")
    return "".join(part.capitalize() for part in group.split("-")) + resource.version.capitalize()


def _tag(resource: Resource) -> str:
    group = (resource.group or "core").removesuffix(".k8s.io").replace(".", "_")
    return f"{group}_{resource.version}"


def _operation(resource: Resource, verb: str, api_version: str, kind: str, suffix: str) -> Operation:
    _, action, words, parameters, codes = _VERBS[verb]
    answered = (
        f"{kind}List" if verb == "list" else "Status" if verb in ("delete", "deletecollection") else kind
    )
    answered_version = "v1" if answered == "Status" else api_version
    content = {media: {"schema": _schema(answered_version, answered)} for media in _MEDIA}
    scope = "Namespaced" if resource.namespaced and suffix != "ForAllNamespaces" else ""
    names = {"get": "read", "update": "replace", "deletecollection": "delete"}
    many = "Collection" if verb == "deletecollection" else ""
    operation: Operation = {
        "description": words.format(kind),
        "operationId": f"{names.get(verb, verb)}{_title(resource)}{many}{scope}{resource.kind}{suffix}",
        "responses": {
            **{str(code): {"content": content, "description": _WORDS[code]} for code in codes},
            "401": {"description": "Unauthorized"},
        },
        "tags": [_tag(resource)],
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _identity(api_version, kind),
    }
    if parameters:
        operation["parameters"] = [_parameter(name, kind_) for name, kind_ in sorted(parameters.items())]
    if verb in ("create", "update"):
        body = {"*/*": {"schema": _schema(api_version, kind)}}
        operation["requestBody"] = {"content": body, "required": True}
    elif verb == "patch":
        patch = {"schema": reference(_META + "Patch")}
        operation["requestBody"] = {"content": dict.fromkeys(_PATCHES, patch), "required": True}
    elif verb in ("delete", "deletecollection"):
        operation["requestBody"] = {"content": {"*/*": {"schema": reference(_META + "DeleteOptions")}}}
    return operation


def _connect(resource: Resource, sub: Subresource, api_version: str, method: str) -> Operation:
    scope = "Namespaced" if resource.namespaced else ""
    name = f"{method.capitalize()}{scope}{resource.kind}{sub.name.capitalize()}"
    return {
        "description": f"connect {method.upper()} requests to {sub.name} of {resource.kind}",
        "operationId": f"connect{_title(resource)}{name}",
        "responses": {
            "200": {"content": {"*/*": {"schema": {"type": "string"}}}, "description": "OK"},
            "401": {"description": "Unauthorized"},
        },
        "tags": [_tag(resource)],
        "x-kubernetes-action": "connect",
        "x-kubernetes-group-version-kind": _identity(api_version, sub.kind),
    }


def _schema(api_version: str, kind: str, dialect: Dialect = "v3") -> dict[str, Any]:
    name = schema.definition_name(api_version, kind)
    return reference(name, dialect) if name else {"type": "object"}


def _parameter(name: str, kind: Scalar) -> dict[str, Any]:
    return {"in": "query", "name": name, "schema": {"type": kind, "uniqueItems": True}}


def _path_parameters(names: tuple[str, ...], kind: str) -> list[dict[str, Any]]:
    texts = {
        "name": f"name of the {kind}",
        "namespace": "object name and auth scope, such as for teams and projects",
    }
    listed: list[dict[str, Any]] = [
        {
            "description": texts[name],
            "in": "path",
            "name": name,
            "required": True,
            "schema": {"type": "string", "uniqueItems": True},
        }
        for name in names
    ]
    return [*listed, _parameter("pretty", "string")]
