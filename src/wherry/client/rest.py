"""The API client: six verbs and watch, on any resource, over any transport.

Reading gives typed Structs with `kind` and `apiVersion` filled in (plain dicts for kinds that are not
built in); writing takes plain JSON values. A refusal raises `wherry.api.errors.ApiError` with the
server's reason; no answer at all raises an OSError. Requests answered 429 or 5xx with `Retry-After`
are sent again after that time, at most ten times, as client-go does. Nothing else is retried here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import urlencode

import msgspec

from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.api.scheme import Resource
from wherry.client.shapes import (
    ObjectList,
    WatchEvent,
    decode_answer,
    decode_event,
    decode_list,
    decode_object,
)
from wherry.client.transport import Transport, closing
from wherry.http.messages import Response

Patch: TypeAlias = Obj | list[Obj]

MAX_RETRIES = 10
MAX_RETRY_AFTER = 60.0
MAX_EVENT = 64 * 1024 * 1024

_JSON = "application/json"
_PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}
_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Gone",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def _accept(metadata_only: bool, kind: str) -> str:
    return f"application/json;as={kind};g=meta.k8s.io;v=v1,application/json" if metadata_only else _JSON


def _query(**parameters: str | int) -> str:
    return urlencode({key: value for key, value in parameters.items() if value})


class Client:
    def __init__(self, transport: Transport, *, user_agent: str = "wherry") -> None:
        self._transport = transport
        self._user_agent = user_agent

    async def close(self) -> None:
        await self._transport.close()

    async def get(self, res: Resource, name: str, namespace: str = "", *, subresource: str = "") -> Any:
        response = await self._ask("GET", res.path(namespace, _named(name), subresource))
        return decode_answer(response.body) if subresource else decode_object(response.body, res)

    async def list(
        self,
        res: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_: str = "",
        resource_version: str = "",
        metadata_only: bool = False,
    ) -> ObjectList:
        """One page (everything, when `limit` is 0)."""
        query = _query(
            labelSelector=label_selector,
            fieldSelector=field_selector,
            limit=limit,
            resourceVersion=resource_version,
            **{"continue": continue_},
        )
        accept = _accept(metadata_only, "PartialObjectMetadataList")
        response = await self._ask("GET", res.path(namespace), query, accept=accept)
        return decode_list(response.body, res, metadata_only)

    async def create(
        self,
        res: Resource,
        obj: Obj,
        namespace: str = "",
        *,
        name: str = "",
        subresource: str = "",
        field_manager: str = "",
    ) -> Any:
        """`name` is for subresources (binding, eviction, token). The namespace is the object's own
        unless given."""
        namespace = namespace or (obj.get("metadata") or {}).get("namespace") or ""
        path = res.path(namespace, _named(name) if subresource else "", subresource)
        query = _query(fieldManager=field_manager)
        response = await self._ask("POST", path, query, _body(res, obj, subresource))
        return decode_answer(response.body) if subresource else decode_object(response.body, res)

    async def update(self, res: Resource, obj: Obj, *, subresource: str = "") -> Any:
        """Replaces the object; conditional on `metadata.resourceVersion` when that is in it."""
        meta = obj["metadata"]
        path = res.path(meta.get("namespace", ""), _named(meta["name"]), subresource)
        response = await self._ask("PUT", path, body=_body(res, obj, subresource))
        return decode_answer(response.body) if subresource else decode_object(response.body, res)

    async def patch(
        self,
        res: Resource,
        name: str,
        patch: Patch,
        namespace: str = "",
        *,
        kind: Literal["merge", "strategic", "json", "apply"] = "merge",
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
    ) -> Any:
        """`apply` needs a field manager; the client's user agent is one if none is given."""
        if kind == "apply":
            field_manager = field_manager or self._user_agent.partition("/")[0]
        query = _query(fieldManager=field_manager, force="true" if force else "")
        path = res.path(namespace, _named(name), subresource)
        body = msgspec.json.encode(patch)
        response = await self._ask("PATCH", path, query, body, content_type=_PATCH_TYPES[kind])
        return decode_answer(response.body) if subresource else decode_object(response.body, res)

    async def delete(
        self,
        res: Resource,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        grace_period_seconds: int | None = None,
        propagation_policy: str = "",
    ) -> None:
        """`uid` and `resource_version` are preconditions (Conflict when they do not hold)."""
        options: Obj = {}
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        if propagation_policy:
            options["propagationPolicy"] = propagation_policy
        wanted = {"uid": uid, "resourceVersion": resource_version}
        preconditions = {key: value for key, value in wanted.items() if value}
        if preconditions:
            options["preconditions"] = preconditions
        body = b""
        if options:
            body = msgspec.json.encode({"kind": "DeleteOptions", "apiVersion": "v1", **options})
        await self._ask("DELETE", res.path(namespace, _named(name)), body=body)

    async def delete_collection(
        self, res: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> None:
        query = _query(labelSelector=label_selector, fieldSelector=field_selector)
        await self._ask("DELETE", res.path(namespace), query)

    async def watch(
        self,
        res: Resource,
        namespace: str = "",
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
    ) -> AsyncGenerator[WatchEvent, None]:
        """What happened after `resource_version`, until the server ends the watch. Raises ApiError
        (Expired, Gone) when that is too long ago. Use `contextlib.aclosing` to end it early."""
        query = _query(
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=resource_version,
            labelSelector=label_selector,
            fieldSelector=field_selector,
        )
        accept = _accept(metadata_only, "PartialObjectMetadata")
        response = await self._ask("GET", res.path(namespace), query, accept=accept, stream=True)
        assert response.stream is not None
        async with closing(response.stream) as chunks:
            async for lines in _lines(chunks):
                for line in lines:
                    yield decode_event(line, res, metadata_only)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        body: bytes = b"",
        content_type: str = _JSON,
        accept: str = _JSON,
        stream: bool = False,
    ) -> Response:
        """Any request, its response as it is whatever its status (`/readyz`, discovery, logs). With
        `stream` a success has `response.stream`, which the caller closes."""
        headers = {"accept": accept, "user-agent": self._user_agent}
        if body:
            headers["content-type"] = content_type
        return await self._transport.request(method, path, query, headers, body, stream=stream)

    async def _ask(
        self,
        method: str,
        path: str,
        query: str = "",
        body: bytes = b"",
        *,
        content_type: str = _JSON,
        accept: str = _JSON,
        stream: bool = False,
    ) -> Response:
        attempt = 0
        while True:
            response = await self.raw(
                method,
                path,
                query=query,
                body=body,
                content_type=content_type,
                accept=accept,
                stream=stream,
            )
            if response.status < 300:
                return response
            pause = _retry_after(response)
            if pause is None or attempt == MAX_RETRIES:
                raise api_error(response)
            attempt += 1
            await asyncio.sleep(pause)


def _named(name: str) -> str:
    """An empty name would address the whole collection: a delete of nothing must not delete all."""
    if not name:
        raise ValueError("resource name may not be empty")
    return name


def _body(res: Resource, obj: Obj, subresource: str) -> bytes:
    if "kind" not in obj or "apiVersion" not in obj:
        api_version, kind = res.api_version, res.kind
        sub = res.subresources.get(subresource)
        if sub is not None:
            kind = sub.kind
            version = sub.version or res.version
            api_version = f"{sub.group}/{version}" if sub.group else version
        obj = {"apiVersion": api_version, "kind": kind, **obj}
    return msgspec.json.encode(obj)


def _retry_after(response: Response) -> float | None:
    """Seconds to wait before sending the request again, None when it shall not be."""
    if response.status != 429 and response.status < 500:
        return None
    headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers}
    text = headers.get("retry-after", "")
    return min(float(text), MAX_RETRY_AFTER) if text.isascii() and text.isdigit() else None


def api_error(response: Response) -> ApiError:
    """The error a response stands for: its metav1.Status, or what its code alone says."""
    try:
        status = msgspec.json.decode(response.body)
    except msgspec.DecodeError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return ApiError.from_status(status, response.status)
    text = response.body[:2048].decode("utf-8", "replace").strip()
    reason = _REASONS.get(response.status, "InternalError")
    message = text or f"the server answered {response.status}"
    return ApiError(reason, message, code=response.status)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Whole lines, as many as have come; empty ones left out."""
    rest: list[bytes] = []
    size = 0
    async for chunk in chunks:
        head, newline, tail = chunk.rpartition(b"\n")
        if newline:
            whole = b"".join([*rest, head])
            rest, size = [], 0
            yield [line for line in whole.split(b"\n") if line]
        size += len(tail)
        if size > MAX_EVENT:
            raise ConnectionError("watch event larger than the client takes")
        if tail:
            rest.append(tail)
    if rest:
        yield [b"".join(rest)]
