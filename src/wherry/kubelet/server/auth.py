"""Who may use the kubelet's API: client certificates of the cluster's CA, or tokens the API server
vouches for; what they may do, the API server is asked (`Webhook`), or everything (`AlwaysAllow`).

Anonymous requests are refused. Answers of the API server are kept for a short while. Upstream:
`kubelet/server/auth.go`, `pkg/kubelet/server/auth_filter`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.client.rest import Client
from wherry.http.messages import Request
from wherry.kubelet.settings import ServerSettings

TOKEN_REVIEWS = resource("tokenreviews.authentication.k8s.io")
ACCESS_REVIEWS = resource("subjectaccessreviews.authorization.k8s.io")

_KEEP_YES, _KEEP_NO = 300.0, 30.0
_MOST = 1000
_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_FINE_GRAINED = {
    "stats": "stats",
    "metrics": "metrics",
    "logs": "log",
    "spec": "spec",
    "checkpoint": "checkpoint",
    "pods": "pods",
    "runningpods": "pods",
    "healthz": "healthz",
    "configz": "configz",
}


@dataclass(frozen=True, slots=True)
class User:
    name: str
    groups: tuple[str, ...] = ()


class Gatekeeper:
    def __init__(self, client: Client, settings: ServerSettings, node_name: str) -> None:
        self._client = client
        self._settings = settings
        self._node = node_name
        self._users: dict[str, tuple[float, User | None]] = {}
        self._allowed: dict[tuple[User, str, str], tuple[float, bool]] = {}

    async def user(self, request: Request) -> User | None:
        """Who asks, None when that isn't known."""
        state = request.peer.state
        if "user" not in state and request.peer.certificate is not None:
            state["user"] = _certificate_user(request.peer.certificate)
        if "user" in state:
            return state["user"]  # type: ignore[no-any-return]
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token and self._settings.token_webhook:
            return await self._token_user(token.strip())
        return None

    async def allows(self, user: User, request: Request) -> bool:
        if self._settings.authorization == "AlwaysAllow":
            return True
        verb = _VERBS.get(request.method, request.method.lower())
        part = request.path.split("/")[1]
        subresource = _FINE_GRAINED.get(part, "proxy")
        if await self._may(user, verb, subresource):
            return True
        return subresource in ("pods", "healthz", "configz") and await self._may(user, verb, "proxy")

    async def _token_user(self, token: str) -> User | None:
        now = asyncio.get_running_loop().time()
        known = self._users.get(token)
        if known is not None and now < known[0]:
            return known[1]
        try:
            answer = await self._client.create(TOKEN_REVIEWS, {"spec": {"token": token}})
        except (ApiError, OSError):
            return None
        user = None
        if answer.status.authenticated and answer.status.user is not None:
            user = User(answer.status.user.username or "", tuple(answer.status.user.groups))
        if len(self._users) >= _MOST:
            self._users.clear()
        self._users[token] = (now + (_KEEP_YES if user else _KEEP_NO), user)
        return user

    async def _may(self, user: User, verb: str, subresource: str) -> bool:
        key = (user, verb, subresource)
        now = asyncio.get_running_loop().time()
        known = self._allowed.get(key)
        if known is not None and now < known[0]:
            return known[1]
        attributes = {"verb": verb, "resource": "nodes", "subresource": subresource, "name": self._node}
        spec: dict[str, Any] = {"user": user.name, "groups": list(user.groups)}
        spec["resourceAttributes"] = {**attributes, "version": "v1"}
        try:
            answer = await self._client.create(ACCESS_REVIEWS, {"spec": spec})
        except (ApiError, OSError):
            return False
        allowed = bool(answer.status.allowed)
        if len(self._allowed) >= _MOST:
            self._allowed.clear()
        self._allowed[key] = (now + (_KEEP_YES if allowed else _KEEP_NO), allowed)
        return allowed


def _certificate_user(certificate: bytes) -> User | None:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    subject = x509.load_der_x509_certificate(certificate).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    groups = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return User(str(names[0].value), tuple(str(group.value) for group in groups)) if names else None
