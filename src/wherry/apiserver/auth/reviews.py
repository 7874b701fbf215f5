"""Questions the API answers without storing them: who am I, may they, is this token good.

tokenreviews and selfsubjectreviews (authentication.k8s.io); subjectaccessreviews and their self and
local forms, selfsubjectrulesreviews (authorization.k8s.io). Each is a POST that gives the object back
with its status filled in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from wherry.api import errors
from wherry.api.fieldpath import FieldError
from wherry.api.schema import Obj
from wherry.apiserver.attributes import RequestInfo, User
from wherry.apiserver.auth.authenticate import Authenticator
from wherry.apiserver.auth.authorize import Verdict
from wherry.apiserver.bodies import answer, read_object
from wherry.clock import Clock, rfc3339
from wherry.http.messages import Request, Response

Connector: TypeAlias = Callable[[RequestInfo, Request, User], Awaitable[Response]]
Decide: TypeAlias = Callable[[User, RequestInfo], Verdict]

_AUTHENTICATION = "authentication.k8s.io/v1"
_AUTHORIZATION = "authorization.k8s.io/v1"
_RULES: dict[str, Any] = {
    "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "incomplete": False,
}


class Reviews:
    def __init__(
        self, authenticator: Authenticator, decide: Decide, audiences: tuple[str, ...], clock: Clock
    ) -> None:
        self._authenticator = authenticator
        self._decide = decide
        self._audiences = audiences
        self._clock = clock

    def connectors(self) -> dict[tuple[str, str], Connector]:
        """By group resource, as the registry takes them."""
        return {
            ("tokenreviews.authentication.k8s.io", ""): self.token,
            ("selfsubjectreviews.authentication.k8s.io", ""): self.self_subject,
            ("subjectaccessreviews.authorization.k8s.io", ""): self.access,
            ("selfsubjectaccessreviews.authorization.k8s.io", ""): self.self_access,
            ("localsubjectaccessreviews.authorization.k8s.io", ""): self.local_access,
            ("selfsubjectrulesreviews.authorization.k8s.io", ""): self.self_rules,
        }

    async def token(self, info: RequestInfo, request: Request, user: User) -> Response:
        obj = _posted(info, request, _AUTHENTICATION, "TokenReview")
        spec = obj.get("spec", {})
        token = spec.get("token", "")
        if not token:
            raise errors.bad_request("token is required for TokenReview in authentication")
        try:
            found, audiences = self._authenticator.review(
                token, tuple(spec.get("audiences", ())) or self._audiences
            )
            status = {"authenticated": True, "user": user_info(found), "audiences": list(audiences)}
        except errors.ApiError:
            status = {"user": {}, "error": "invalid bearer token"}
        return answer(request, obj | {"status": status}, 201)

    async def self_subject(self, info: RequestInfo, request: Request, user: User) -> Response:
        obj = _posted(info, request, _AUTHENTICATION, "SelfSubjectReview")
        metadata = {**obj["metadata"], "creationTimestamp": rfc3339(self._clock.time())}
        del obj["spec"]
        return answer(request, obj | {"metadata": metadata, "status": {"userInfo": user_info(user)}}, 201)

    async def access(self, info: RequestInfo, request: Request, user: User) -> Response:
        obj = _posted(info, request, _AUTHORIZATION, "SubjectAccessReview")
        return self._access(request, obj, _subject(obj["spec"]))

    async def local_access(self, info: RequestInfo, request: Request, user: User) -> Response:
        obj = _posted(info, request, _AUTHORIZATION, "LocalSubjectAccessReview")
        attributes = obj["spec"].get("resourceAttributes")
        if attributes is not None and attributes.get("namespace", "") != info.namespace:
            raise _invalid(
                (
                    "spec.resourceAttributes.namespace",
                    attributes.get("namespace", ""),
                    "must match metadata.namespace",
                )
            )
        return self._access(request, obj, _subject(obj["spec"]))

    async def self_access(self, info: RequestInfo, request: Request, user: User) -> Response:
        return self._access(request, _posted(info, request, _AUTHORIZATION, "SelfSubjectAccessReview"), user)

    async def self_rules(self, info: RequestInfo, request: Request, user: User) -> Response:
        obj = _posted(info, request, _AUTHORIZATION, "SelfSubjectRulesReview")
        if not obj["spec"].get("namespace"):
            raise errors.bad_request("no namespace on request")
        return answer(request, obj | {"spec": {}, "status": _RULES}, 201)

    def _access(self, request: Request, obj: Obj, user: User | None) -> Response:
        spec = obj["spec"]
        complaints: list[tuple[str, Any, str]] = []
        if ("resourceAttributes" in spec) == ("nonResourceAttributes" in spec):
            complaints.append(
                (
                    "spec.resourceAttributes",
                    None,
                    "exactly one of nonResourceAttributes or resourceAttributes must be specified",
                )
            )
        if user is None:
            complaints.append(("spec.user", "", "at least one of user or group must be specified"))
        if complaints or user is None:
            raise _invalid(*complaints)
        verdict = self._decide(user, asked(spec))
        status: dict[str, Any] = {"allowed": verdict.allowed}
        if verdict.reason:
            status["reason"] = verdict.reason
        return answer(request, obj | {"status": status}, 201)


def user_info(user: User) -> dict[str, Any]:
    """authentication.k8s.io UserInfo."""
    found: dict[str, Any] = {"username": user.name}
    if user.uid:
        found["uid"] = user.uid
    if user.groups:
        found["groups"] = list(user.groups)
    if user.extra:
        found["extra"] = {key: list(values) for key, values in sorted(user.extra.items())}
    return found


def asked(spec: dict[str, Any]) -> RequestInfo:
    """The request that an access review's spec describes."""
    path = spec.get("nonResourceAttributes")
    if path is not None:
        return RequestInfo(path.get("verb", ""), path.get("path", ""))
    about = spec["resourceAttributes"]
    return RequestInfo(
        about.get("verb", ""),
        "",
        True,
        about.get("group", ""),
        about.get("version", ""),
        about.get("resource", ""),
        about.get("subresource", ""),
        about.get("namespace", ""),
        about.get("name", ""),
    )


def _subject(spec: dict[str, Any]) -> User | None:
    if not spec.get("user") and not spec.get("groups"):
        return None
    extra = {key: tuple(values) for key, values in spec.get("extra", {}).items()}
    return User(spec.get("user", ""), tuple(spec.get("groups", ())), spec.get("uid", ""), extra)


def _posted(info: RequestInfo, request: Request, api_version: str, kind: str) -> Obj:
    if info.verb != "create":
        raise errors.method_not_supported(info.group, info.resource, info.verb)
    obj = read_object(request, api_version, kind)
    return {"kind": kind, "apiVersion": api_version, "metadata": {}, "spec": {}} | obj


def _invalid(*complaints: tuple[str, Any, str]) -> errors.ApiError:
    listed = [FieldError("FieldValueInvalid", path, value, detail) for path, value, detail in complaints]
    return errors.invalid("authorization.k8s.io", "", "", listed)
