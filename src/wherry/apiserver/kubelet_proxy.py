"""logs, exec, attach, port-forward and proxies: subresources that another server answers.

The API server finds the target, checks the request, and passes bytes on: a log is one answer streamed
through; exec, attach and port-forward are connections joined after the head's first line has been
rewritten, so that neither SPDY nor WebSocket is spoken here.
"""

from __future__ import annotations

import random
from typing import TypeAlias
from urllib.parse import parse_qsl, quote, urlencode

from wherry.api import errors
from wherry.api.fieldpath import FieldError, forbidden_field, invalid_value
from wherry.api.schema import Obj
from wherry.apiserver import proxy_target
from wherry.apiserver.attributes import Reader, RequestInfo, User
from wherry.apiserver.auth.reviews import Connector
from wherry.apiserver.proxy_links import Links, passed_on
from wherry.apiserver.proxy_target import Target
from wherry.apiserver.settings import KubeletSettings
from wherry.http.messages import Request, Response

Pairs: TypeAlias = list[tuple[str, str]]

_STREAMS = (("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty"))
_LOG_FLAGS = ("follow", "previous", "timestamps")
_LOG_NUMBERS = {"sinceSeconds": 1, "tailLines": 0, "limitBytes": 1}
"""Smallest value of each."""


def _true(text: str) -> bool:
    return text.lower() not in ("false", "0")


class KubeletProxy:
    def __init__(self, reader: Reader, rng: random.Random, settings: KubeletSettings) -> None:
        self._reader = reader
        self._rng = rng
        self._settings = settings
        self._links = Links(settings)

    def connectors(self) -> dict[tuple[str, str], Connector]:
        """By (group resource, subresource), as the registry takes them."""
        return {
            ("pods", "log"): self.log,
            ("pods", "exec"): self.exec,
            ("pods", "attach"): self.attach,
            ("pods", "portforward"): self.port_forward,
            ("pods", "proxy"): self.pod_proxy,
            ("services", "proxy"): self.service_proxy,
            ("nodes", "proxy"): self.node_proxy,
        }

    def _pod(self, info: RequestInfo) -> Obj:
        pod = self._reader.get("pods", info.name, info.namespace)
        if pod is None:
            raise errors.not_found("", "pods", info.name)
        return pod

    def _kubelet(self, name: str, resource: str = "pods") -> Target:
        node = self._reader.get("nodes", name)
        if node is None:
            raise errors.not_found("", resource, name)
        return proxy_target.kubelet_of(node, self._settings.address_types, self._settings.port)

    async def log(self, info: RequestInfo, request: Request, user: User) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        query = dict(reversed(parse_qsl(request.query, keep_blank_values=True)))
        passed = _log_query(info.name, query)
        pod = self._pod(info)
        container = proxy_target.container_of(pod, query.get("container", ""))
        node = pod["spec"].get("nodeName", "")
        if not node:
            return Response(204, b"", "")
        uri = _uri("containerLogs", info.namespace, info.name, container) + _query(passed)
        plain = Request("GET", request.path, "", {"user-agent": "kube-apiserver"})
        answer = await self._links.send(plain, self._kubelet(node), uri, kubelet=True)
        if 200 <= answer.status <= 206:
            return Response(200, answer.body, "text/plain", stream=answer.stream)
        raise _log_refusal(answer.status, answer.body.decode("utf-8", "replace").strip())

    async def exec(self, info: RequestInfo, request: Request, user: User) -> Response:
        return await self._into_container("exec", info, request)

    async def attach(self, info: RequestInfo, request: Request, user: User) -> Response:
        return await self._into_container("attach", info, request)

    async def _into_container(self, verb: str, info: RequestInfo, request: Request) -> Response:
        asked = parse_qsl(request.query, keep_blank_values=True)
        given = dict(reversed(asked))
        pod = self._pod(info)
        container = proxy_target.container_of(pod, given.get("container", ""))
        target = self._kubelet(proxy_target.host_of(pod))
        passed = [(theirs, "1") for ours, theirs in _STREAMS if ours in given and _true(given[ours])]
        if verb == "exec":
            passed += [pair for pair in asked if pair[0] == "command"]
        uri = _uri(verb, info.namespace, info.name, container) + _query(passed)
        return await self._links.upgrade(request, target, uri, kubelet=True)

    async def port_forward(self, info: RequestInfo, request: Request, user: User) -> Response:
        pod = self._pod(info)
        target = self._kubelet(proxy_target.host_of(pod))
        ports = [pair for pair in parse_qsl(request.query) if pair[0] in ("port", "ports")]
        passed = [("port", number) for _, listed in ports for number in listed.split(",")]
        uri = _uri("portForward", info.namespace, info.name) + _query(passed)
        return await self._links.upgrade(request, target, uri, kubelet=True)

    async def pod_proxy(self, info: RequestInfo, request: Request, user: User) -> Response:
        scheme, name, port = proxy_target.split_name(info.name)
        pod = self._reader.get("pods", name, info.namespace)
        if pod is None:
            raise errors.not_found("", "pods", name)
        return await self._pass(info, request, proxy_target.pod_target(pod, scheme, port), kubelet=False)

    async def service_proxy(self, info: RequestInfo, request: Request, user: User) -> Response:
        scheme, name, port = proxy_target.split_name(info.name)
        service = self._reader.get("services", name, info.namespace)
        if service is None:
            raise errors.not_found("", "services", name)
        slices = proxy_target.slices_of(self._reader, name, info.namespace)
        target = proxy_target.service_target(service, slices, scheme, port, self._rng)
        return await self._pass(info, request, target, kubelet=False)

    async def node_proxy(self, info: RequestInfo, request: Request, user: User) -> Response:
        _, name, port = proxy_target.split_name(info.name)
        target = self._kubelet(name, "nodes")
        if port and port != str(target.port):
            raise errors.bad_request(f'invalid kubelet port "{port}"')
        return await self._pass(info, request, target, kubelet=True)

    async def _pass(self, info: RequestInfo, request: Request, target: Target, *, kubelet: bool) -> Response:
        uri = _rest(request.path, info) + (f"?{request.query}" if request.query else "")
        if request.hijack is not None:
            return await self._links.upgrade(request, target, uri, kubelet=kubelet)
        return passed_on(await self._links.send(request, target, uri, kubelet=kubelet))


def method_not_allowed() -> errors.ApiError:
    text = "the server does not allow this method on the requested resource"
    return errors.ApiError("MethodNotAllowed", text, details={})


def _uri(verb: str, *parts: str) -> str:
    return f"/{verb}/" + "/".join(quote(part, safe="") for part in parts)


def _query(pairs: Pairs) -> str:
    return "?" + urlencode(pairs) if pairs else ""


def _rest(path: str, info: RequestInfo) -> str:
    """What follows `NAME/proxy` in a path, as received."""
    parts = path.split("/")
    at = parts.index("proxy", parts.index(info.resource) + 2)
    return "/" + "/".join(parts[at + 1 :])


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _log_query(name: str, query: dict[str, str]) -> Pairs:
    """PodLogOptions checked, and as the kubelet takes them. Raises ApiError."""
    passed: Pairs = [(flag, "true") for flag in _LOG_FLAGS if flag in query and _true(query[flag])]
    complaints: list[FieldError] = []
    for field, least in _LOG_NUMBERS.items():
        if field not in query:
            continue
        value = _number(query[field])
        passed.append((field, str(value)))
        if value < least and not (field == "sinceSeconds" and "sinceTime" in query):
            words = "greater than or equal to 0" if least == 0 else "greater than 0"
            complaints.append(invalid_value(field, value, f"must be {words}"))
    if "sinceTime" in query:
        passed.append(("sinceTime", query["sinceTime"]))
        if "sinceSeconds" in query:
            text = "at most one of `sinceTime` or `sinceSeconds` may be specified"
            complaints.append(forbidden_field("[]", text))
    if query.get("stream", "All") != "All":
        passed.append(("stream", query["stream"]))
    if complaints:
        raise errors.invalid("", "PodLogOptions", name, complaints)
    return passed


def _log_refusal(status: int, text: str) -> errors.ApiError:
    """A kubelet's refusal as ours (`genericrest.GenericHttpResponseChecker`)."""
    if status == 400:
        return errors.bad_request(text)
    if status == 500:
        return errors.internal(text)
    reason = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound"}.get(status, "")
    if status == 404:
        text = text or "the server could not find the requested resource"
    return errors.ApiError(reason, text or f"the kubelet answered {status}", code=status)
