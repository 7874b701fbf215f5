"""Bodies of the endpoints that keep nothing in the store: reviews, tokens, discovery, version.

(The registry has its own, for stored objects: tables, partial objects, patches.)
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from wherry.api import errors, schema
from wherry.http.messages import Request, Response

JSON = "application/json"
YAML = "application/yaml"
ACCEPTED = (JSON, YAML)
_encode = msgspec.json.Encoder().encode


def media_types(accept: str) -> list[tuple[str, dict[str, str]]]:
    """An Accept header as (type, parameters) in order of preference; none asked is anything."""
    ranges: list[tuple[float, str, dict[str, str]]] = []
    for clause in accept.split(","):
        kind, *rest = (part.strip() for part in clause.split(";"))
        parameters = dict(part.split("=", 1) for part in rest if "=" in part)
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        if kind and quality > 0:
            ranges.append((quality, kind.lower(), parameters))
    ranges.sort(key=lambda entry: -entry[0])
    return [(kind, parameters) for _, kind, parameters in ranges] or [("*/*", {})]


def negotiate(request: Request, offered: Iterable[str] = ACCEPTED) -> str:
    """The offered type the client likes best. Raises ApiError 406 in upstream's words."""
    offers = list(offered)
    for kind, parameters in media_types(request.headers.get("accept", "")):
        if parameters.get("as"):
            continue
        for offer in offers:
            if kind in (offer, "*/*", "application/*"):
                return offer
    listed = ", ".join(offers)
    raise errors.not_acceptable(f"only the following media types are accepted: {listed}")


def encoded(value: Any, kind: str) -> bytes:
    if kind == YAML:
        import yaml

        return yaml.safe_dump(value, default_flow_style=False).encode()
    return _encode(value) + b"\n"


def answer(request: Request, value: Any, status: int = 200) -> Response:
    """`value` as JSON, or YAML when that is what is accepted."""
    kind = negotiate(request)
    return Response(status, encoded(value, kind), kind)


def read_object(request: Request, api_version: str, kind: str) -> schema.Obj:
    """The request's object, checked against its schema, unknown fields dropped. Raises ApiError."""
    content_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    data = request.body
    if content_type == YAML:
        import yaml

        try:
            data = json.dumps(yaml.safe_load(data)).encode()
        except (yaml.YAMLError, TypeError, ValueError) as error:
            raise errors.bad_request(f"error converting YAML to JSON: {error}") from error
    elif content_type not in (JSON, ""):
        listed = ", ".join(ACCEPTED)
        raise errors.unsupported_media_type(
            f"the body of the request was in an unknown format - accepted media types include: {listed}"
        )
    try:
        typed = schema.decode(schema.struct_type(api_version, kind), data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise errors.bad_request(f"the object provided is unrecognized or malformed: {error}") from error
    obj = schema.to_obj(typed)
    if obj.get("apiVersion", api_version) != api_version or obj.get("kind", kind) != kind:
        found = f"{obj.get('apiVersion', '')}, Kind={obj.get('kind', '')}"
        raise errors.bad_request(f"the object provided is {found}, expected {api_version}, Kind={kind}")
    return {**obj, "apiVersion": api_version, "kind": kind}
