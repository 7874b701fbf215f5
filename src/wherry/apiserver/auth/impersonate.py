"""Acting as someone else: the Impersonate-* headers
(`k8s.io/apiserver/pkg/endpoints/filters/impersonation`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from wherry.api import errors
from wherry.apiserver.attributes import RequestInfo, User
from wherry.apiserver.auth.authorize import Verdict, refusal

_EXTRA = "impersonate-extra-"
_SERVICE_ACCOUNT = "system:serviceaccount:"


def impersonated(
    headers: Mapping[str, str], user: User, decide: Callable[[User, RequestInfo], Verdict]
) -> User:
    """The user to act as. Every part of the identity asked for needs the verb `impersonate` on it.
    Raises ApiError (400, 403)."""
    name = headers.get("impersonate-user", "")
    listed = headers.get("impersonate-group", "")
    groups = tuple(group for group in listed.split("\n") if group)
    uid = headers.get("impersonate-uid", "")
    extra = {
        unquote(key.removeprefix(_EXTRA)): tuple(value.split(", "))
        for key, value in headers.items()
        if key.startswith(_EXTRA)
    }
    if not name:
        if not (groups or uid or extra):
            return user
        listed = "".join(f", {_quoted(group)}" for group in groups).removeprefix(", ")
        raise errors.bad_request(
            f'requested &user.DefaultInfo{{Name:"", UID:{_quoted(uid)}, Groups:[]string{{{listed}}}, '
            "Extra:map[string][]string(nil)} without impersonating a user name"
        )
    asked = [_asked(name)]
    asked += [_info("", "groups", group) for group in groups]
    if uid:
        asked.append(_info("authentication.k8s.io", "uids", uid))
    for key, values in extra.items():
        asked += [_info("authentication.k8s.io", "userextras", value, key) for value in values]
    for info in asked:
        verdict = decide(user, info)
        if not verdict.allowed:
            raise refusal(verdict)
    return User(name, _with_implied(name, groups), uid, extra)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _info(group: str, resource: str, name: str, subresource: str = "", namespace: str = "") -> RequestInfo:
    return RequestInfo("impersonate", "", True, group, "v1", resource, subresource, namespace, name)


def _asked(name: str) -> RequestInfo:
    if name.startswith(_SERVICE_ACCOUNT) and name.count(":") == 3:
        namespace, _, account = name.removeprefix(_SERVICE_ACCOUNT).partition(":")
        return _info("", "serviceaccounts", account, namespace=namespace)
    return _info("", "users", name)


def _with_implied(name: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    if name.startswith(_SERVICE_ACCOUNT) and name.count(":") == 3 and not groups:
        namespace = name.removeprefix(_SERVICE_ACCOUNT).partition(":")[0]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    implied = "system:unauthenticated" if name == "system:anonymous" else "system:authenticated"
    return groups if implied in groups or "system:unauthenticated" in groups else (*groups, implied)
