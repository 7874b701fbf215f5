"""The `token` subresource of service accounts: bound tokens made on request
(`k8s.io/kubernetes/pkg/registry/core/serviceaccount/storage/token.go`)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from wherry.api import errors
from wherry.api.fieldpath import FieldError
from wherry.api.schema import Obj
from wherry.apiserver.attributes import Reader, RequestInfo, User
from wherry.apiserver.auth.keys import KeyRing
from wherry.apiserver.auth.serviceaccount import sign, username
from wherry.apiserver.bodies import answer, read_object
from wherry.apiserver.settings import ServiceAccountSettings
from wherry.clock import Clock, rfc3339, uuid4
from wherry.http.messages import Request, Response

_API_VERSION = "authentication.k8s.io/v1"
_MINIMUM = 600
_WARN_ONLY = 3607
"""What kubelets ask for; such tokens outlive it by `_EXTENDED`, with a warning, for clients that don't
reload them."""
_EXTENDED = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class TokenRequests:
    keys: KeyRing
    reader: Reader
    clock: Clock
    rng: random.Random
    settings: ServiceAccountSettings

    async def create(self, info: RequestInfo, request: Request, user: User) -> Response:
        """The connector for ("serviceaccounts", "token")."""
        if info.verb != "create":
            raise errors.method_not_supported("", "serviceaccounts/token", info.verb)
        posted = read_object(request, _API_VERSION, "TokenRequest")
        account = self.reader.get("serviceaccounts", info.name, info.namespace)
        if account is None:
            raise errors.not_found("", "serviceaccounts", info.name)
        spec = self._spec(posted.get("spec", {}))
        bound = self._bound(spec.get("boundObjectRef"), account, info.namespace)
        now = int(self.clock.time())
        claims = self._claims(spec, account, bound, now)
        expiration = rfc3339(now + spec["expirationSeconds"])
        metadata = {
            "name": info.name,
            "namespace": info.namespace,
            "uid": account["metadata"].get("uid", ""),
            "creationTimestamp": rfc3339(now),
        }
        status = {"token": sign(self.keys, claims), "expirationTimestamp": expiration}
        made = {"kind": "TokenRequest", "apiVersion": _API_VERSION, "metadata": metadata}
        return answer(request, made | {"spec": spec, "status": status}, 201)

    def _spec(self, spec: dict[str, Any]) -> dict[str, Any]:
        seconds = spec.get("expirationSeconds")
        seconds = 3600 if seconds is None else seconds
        complaint = ""
        if seconds < _MINIMUM:
            complaint = "may not specify a duration less than 10 minutes"
        elif seconds > 1 << 32:
            complaint = "may not specify a duration larger than 2^32 seconds"
        if complaint:
            error = FieldError("FieldValueInvalid", "spec.expirationSeconds", seconds, complaint)
            raise errors.invalid("authentication.k8s.io", "TokenRequest", "", [error])
        limit = self.settings.max_expiration
        return {
            "audiences": spec.get("audiences") or list(self.settings.api_audiences),
            "expirationSeconds": min(seconds, limit) if limit else seconds,
            "boundObjectRef": spec.get("boundObjectRef"),
        }

    def _bound(self, reference: dict[str, Any] | None, account: Obj, namespace: str) -> dict[str, Any]:
        """The claims that bind a token to a pod, secret or node."""
        if reference is None:
            return {}
        kind, name = reference.get("kind", ""), reference.get("name", "")
        resource = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}.get(kind)
        if resource is None or reference.get("apiVersion") != "v1":
            group, _, version = reference.get("apiVersion", "").rpartition("/")
            raise errors.bad_request(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
        obj = self.reader.get(resource, name, "" if kind == "Node" else namespace)
        if obj is None:
            raise errors.not_found("", resource, name)
        account_name = account["metadata"]["name"]
        if kind == "Pod" and obj["spec"].get("serviceAccountName", "default") != account_name:
            raise errors.bad_request(
                f'cannot bind token for serviceaccount "{account_name}" to pod running with different '
                f"serviceaccount name."
            )
        uid = obj["metadata"].get("uid", "")
        wanted = reference.get("uid", "")
        if wanted and wanted != uid:
            raise errors.conflict(
                "",
                resource,
                name,
                f"the UID in the bound object reference ({wanted}) does not match the UID in record. "
                "The object might have been deleted and then recreated",
            )
        claims: dict[str, Any] = {kind.lower(): {"name": name, "uid": uid}}
        if kind == "Pod" and obj["spec"].get("nodeName"):
            claims["node"] = self._node(obj["spec"]["nodeName"])
        return claims

    def _node(self, name: str) -> dict[str, str]:
        node = self.reader.get("nodes", name)
        found = {"name": name}
        if node is not None:
            found["uid"] = node["metadata"].get("uid", "")
        return found

    def _claims(self, spec: dict[str, Any], account: Obj, bound: dict[str, Any], now: int) -> dict[str, Any]:
        metadata = account["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        seconds = spec["expirationSeconds"]
        private = {"namespace": namespace, **bound}
        private["serviceaccount"] = {"name": name, "uid": metadata.get("uid", "")}
        own = all(audience in self.settings.api_audiences for audience in spec["audiences"])
        if self.settings.extend_expiration and seconds == _WARN_ONLY and "pod" in bound and own:
            private["warnafter"] = now + seconds
            seconds = _EXTENDED
        return {
            "aud": spec["audiences"],
            "exp": now + seconds,
            "iat": now,
            "iss": self.settings.issuers[0],
            "jti": uuid4(self.rng),
            "kubernetes.io": private,
            "nbf": now,
            "sub": username(namespace, name),
        }
