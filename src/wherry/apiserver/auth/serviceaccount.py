"""Service-account tokens: making and checking the JWTs of bound service accounts.

Claims and checks are upstream's (`k8s.io/kubernetes/pkg/serviceaccount/claims.go`): a token is good as
long as its account lives under the uid it was made for, and so do the pod, secret or node it is bound to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from wherry.api.schema import Obj
from wherry.apiserver.attributes import Reader, User
from wherry.apiserver.auth.keys import KeyRing
from wherry.apiserver.auth.x509 import CREDENTIAL_ID
from wherry.apiserver.settings import ServiceAccountSettings
from wherry.clock import Clock, parse_rfc3339

LEEWAY = 60.0
"""Seconds by which clocks may differ, and for which a deleted object's tokens still count."""
_BOUND = {"pod": "pods", "secret": "secrets", "node": "nodes"}


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """Why a token does not count. Clients only ever see 401."""

    why: str


def username(namespace: str, name: str) -> str:
    return f"system:serviceaccount:{namespace}:{name}"


def groups(namespace: str) -> tuple[str, ...]:
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")


def sign(keys: KeyRing, claims: dict[str, Any]) -> str:
    import jwt

    signing = keys.signing()
    headers = {"kid": signing.public.id, "typ": None}
    return jwt.encode(
        claims, signing.key, algorithm=signing.public.algorithm, headers=headers, sort_headers=True
    )


def _expired_by_deletion(obj: Obj, now: float) -> bool:
    deleted = obj["metadata"].get("deletionTimestamp")
    return bool(deleted) and parse_rfc3339(deleted) < now - LEEWAY


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks tokens against the keys, the clock and the live objects."""

    keys: KeyRing
    reader: Reader
    clock: Clock
    settings: ServiceAccountSettings

    def verify(self, token: str, audiences: tuple[str, ...]) -> tuple[User, tuple[str, ...]]:
        """The account and those of `audiences` that the token is for. Raises Refused."""
        claims = self._signed(token)
        if claims.get("iss") not in self.settings.issuers:
            raise Refused("token from another issuer")
        now = self.clock.time()
        if now > _number(claims, "exp") + LEEWAY or now < _number(claims, "nbf") - LEEWAY:
            raise Refused("service account token has expired or is not valid yet")
        stated = claims.get("aud", [])
        meant = [stated] if isinstance(stated, str) else stated
        common = tuple(audience for audience in audiences if audience in meant)
        if not common:
            raise Refused(f"token audiences {meant} is invalid for the target audiences {list(audiences)}")
        return self._account(claims, now), common

    def _signed(self, token: str) -> dict[str, Any]:
        import jwt

        try:
            header = jwt.get_unverified_header(token)
            named = self.keys.verifying().get(header.get("kid", ""))
            for key in [named] if named else list(self.keys.verifying().values()):
                try:
                    payload = jwt.api_jws.decode(token, key.key, algorithms=[key.algorithm])
                except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
                    continue
                claims = json.loads(payload)
                if isinstance(claims, dict):
                    return claims
        except (jwt.PyJWTError, ValueError) as error:
            raise Refused(f"not a token: {error}") from error
        raise Refused("no key verifies the token's signature")

    def _account(self, claims: dict[str, Any], now: float) -> User:
        private = claims.get("kubernetes.io")
        if not isinstance(private, dict):
            raise Refused("the token has no service account claims")
        namespace = _text(private, "namespace")
        account = _reference(private, "serviceaccount")
        if account is None:
            raise Refused("the token names no service account")
        name, uid = account
        if self.settings.lookup:
            self._alive("serviceaccounts", name, uid, namespace, now)
        extra: dict[str, tuple[str, ...]] = {}
        if claims.get("jti"):
            extra[CREDENTIAL_ID] = (f"JTI={claims['jti']}",)
        for claim, resource in _BOUND.items():
            bound = _reference(private, claim)
            if bound is None:
                continue
            # A node beside a pod says where the pod was; only a node alone binds the token to it.
            if self.settings.lookup and not (claim == "node" and "pod" in private):
                self._alive(resource, *bound, "" if claim == "node" else namespace, now)
            if claim != "secret":
                extra[f"authentication.kubernetes.io/{claim}-name"] = (bound[0],)
                extra[f"authentication.kubernetes.io/{claim}-uid"] = (bound[1],)
        return User(username(namespace, name), groups(namespace), uid, extra)

    def _alive(self, resource: str, name: str, uid: str, namespace: str, now: float) -> None:
        obj = self.reader.get(resource, name, namespace)
        if obj is None:
            raise Refused(f"{resource} {namespace}/{name} has been deleted")
        if obj["metadata"].get("uid") != uid:
            raise Refused(f"the {resource} UID ({obj['metadata'].get('uid')}) does not match claim ({uid})")
        if _expired_by_deletion(obj, now):
            raise Refused(f"{resource} {namespace}/{name} has been deleted")


def _number(claims: dict[str, Any], key: str) -> float:
    value = claims.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"claim {key} is no number")
    return float(value)


def _text(claims: dict[str, Any], key: str) -> str:
    value = claims.get(key)
    if not isinstance(value, str) or not value:
        raise Refused(f"claim {key} is missing")
    return value


def _reference(private: dict[str, Any], key: str) -> tuple[str, str] | None:
    value = private.get(key)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Refused(f"claim {key} is no reference")
    return _text(value, "name"), _text(value, "uid")
