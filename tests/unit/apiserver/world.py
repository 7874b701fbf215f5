"""A reader over plain objects and other small stand-ins for the API server's front."""

from __future__ import annotations

import json
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.apiserver.attributes import RequestInfo
from wherry.apiserver.routing import parse
from wherry.http.messages import Peer, Request, Response


class FixedClock:
    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


class Objects:
    """A `Reader` over objects by (group resource, namespace, name)."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str, str], Obj] = {}

    def add(self, group_resource: str, name: str, namespace: str = "", **rest: Any) -> Obj:
        metadata = {"name": name, "uid": f"uid-{name}"} | ({"namespace": namespace} if namespace else {})
        obj: Obj = {"metadata": metadata, **rest}
        self.kept[group_resource, namespace, name] = obj
        return obj

    def get(self, group_resource: str, name: str, namespace: str = "") -> Obj | None:
        return self.kept.get((group_resource, namespace, name))

    def list(self, group_resource: str, namespace: str = "") -> list[Obj]:
        return [
            obj
            for (resource, where, _), obj in self.kept.items()
            if resource == group_resource and namespace in ("", where)
        ]


def request(line: str, body: Any = None, peer: Peer | None = None, **headers: str) -> Request:
    """`request("GET /api?x=1", authorization="Bearer t")`; underscores in names are dashes."""
    method, _, target = line.partition(" ")
    path, _, query = target.partition("?")
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if data and "content-type" not in named:
        named["content-type"] = "application/json"
    return Request(method, path, query, named, data, peer or Peer())


def info_of(asked: Request) -> RequestInfo:
    return parse(asked.method, asked.path, asked.query)


def loaded(response: Response) -> Any:
    return json.loads(response.body)


def refusal(error: ApiError) -> tuple[str, str]:
    return error.reason, error.message
