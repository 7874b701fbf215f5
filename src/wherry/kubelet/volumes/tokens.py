"""Service-account tokens for pods: asked for when needed, kept until four fifths of their life.

Upstream: `kubelet/token/token_manager.go`.
"""

from __future__ import annotations

from typing import Any

from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.client.rest import Client
from wherry.clock import Clock, parse_rfc3339
from wherry.kubelet.host import SetupError

ACCOUNTS = resource("serviceaccounts")
_MAX_AGE = 24 * 3600.0


class TokenSource:
    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._tokens: dict[tuple[str, str, int], tuple[str, float]] = {}

    async def token(self, pod: Any, audience: str, seconds: int) -> str:
        """A token bound to the pod. A new one if the old is getting old; the old one as long as it is
        valid when there is no new one to be had."""
        key = (pod.metadata.uid, audience, seconds)
        now = self._clock.time()
        known = self._tokens.get(key)
        if known is not None and now < known[1]:
            return known[0]
        try:
            token, expires = await self._request(pod, audience, seconds)
        except (ApiError, OSError) as error:
            if known is not None:
                return known[0]
            raise SetupError("FailedMount", f"failed to fetch token: {error}") from error
        refresh = min(now + (expires - now) * 0.8, now + _MAX_AGE)
        self._tokens[key] = (token, refresh)
        return token

    def forget(self, uid: str) -> None:
        for key in [key for key in self._tokens if key[0] == uid]:
            del self._tokens[key]

    async def _request(self, pod: Any, audience: str, seconds: int) -> tuple[str, float]:
        meta = pod.metadata
        spec: dict[str, Any] = {
            "expirationSeconds": seconds,
            "audiences": [audience] if audience else [],
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": meta.name, "uid": meta.uid},
        }
        account = pod.spec.serviceAccountName or "default"
        answer = await self._client.create(
            ACCOUNTS, {"spec": spec}, meta.namespace, name=account, subresource="token"
        )
        status = answer["status"] if isinstance(answer, dict) else answer.status
        if isinstance(status, dict):
            return str(status["token"]), parse_rfc3339(status["expirationTimestamp"])
        return str(status.token), parse_rfc3339(status.expirationTimestamp)
