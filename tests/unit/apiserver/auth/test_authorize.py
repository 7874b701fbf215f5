"""Decisions, their words, and acting as someone else."""

from __future__ import annotations

import pytest

from wherry.api.errors import ApiError
from wherry.apiserver.attributes import ANONYMOUS, LOOPBACK, RequestInfo, User
from wherry.apiserver.auth import authorize
from wherry.apiserver.auth.authorize import Verdict, decide
from wherry.apiserver.auth.impersonate import impersonated

from ..world import info_of, refusal, request

USER = User("jane", ("system:authenticated",))


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/version", "/version/"])
def test_nobody_may_see_health(path: str) -> None:
    assert decide(ANONYMOUS, info_of(request(f"GET {path}"))).allowed
    assert not decide(ANONYMOUS, info_of(request(f"POST {path}"))).allowed


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("GET /api", 'forbidden: User "system:anonymous" cannot get path "/api"'),
        ("GET /livez/ping", 'forbidden: User "system:anonymous" cannot get path "/livez/ping"'),
        (
            "GET /api/v1/pods",
            'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the '
            "cluster scope",
        ),
        (
            "GET /api/v1/namespaces/default/pods/web/log",
            'pods "web" is forbidden: User "system:anonymous" cannot get resource "pods/log" in API group "" '
            'in the namespace "default"',
        ),
        (
            "POST /apis/apps/v1/namespaces/x/deployments",
            'deployments.apps is forbidden: User "system:anonymous" cannot create resource "deployments" in '
            'API group "apps" in the namespace "x"',
        ),
    ],
)
def test_refusals_in_upstreams_words(line: str, message: str) -> None:
    verdict = decide(ANONYMOUS, info_of(request(line)))
    assert not verdict.allowed
    assert verdict.remedy
    assert refusal(authorize.refusal(verdict)) == ("Forbidden", message)


def test_everyone_else_may() -> None:
    assert decide(USER, info_of(request("DELETE /api/v1/nodes"))).rule == "authenticated"
    assert decide(LOOPBACK, info_of(request("DELETE /api/v1/nodes"))).rule == "system:masters"


def test_impersonation() -> None:
    headers = {
        "impersonate-user": "bob",
        "impersonate-group": "dev\nops, too",
        "impersonate-uid": "7",
        "impersonate-extra-scopes%2fx": "view, edit",
    }
    found = impersonated(headers, USER, decide)
    assert found.name == "bob"
    assert found.groups == ("dev", "ops, too", "system:authenticated")
    assert (found.uid, found.extra) == ("7", {"scopes/x": ("view", "edit")})


def test_impersonating_an_account_brings_its_groups() -> None:
    found = impersonated({"impersonate-user": "system:serviceaccount:a:b"}, USER, decide)
    assert found.groups == ("system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated")
    nobody = impersonated({"impersonate-user": "system:anonymous"}, USER, decide)
    assert nobody.groups == ("system:unauthenticated",)


def test_every_part_is_asked_for() -> None:
    asked: list[tuple[str, str]] = []

    def record(user: User, info: RequestInfo) -> Verdict:
        asked.append((info.resource, info.name))
        return Verdict(info.resource != "uids", user, info, "test")

    headers = {"impersonate-user": "bob", "impersonate-group": "g", "impersonate-uid": "7"}
    with pytest.raises(ApiError) as error:
        impersonated(headers, USER, record)
    assert asked == [("users", "bob"), ("groups", "g"), ("uids", "7")]
    assert error.value.reason == "Forbidden"


def test_group_without_a_user() -> None:
    with pytest.raises(ApiError) as error:
        impersonated({"impersonate-group": "g"}, USER, decide)
    assert error.value.code == 400
