"""Questions answered without storing them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from wherry.api.errors import ApiError
from wherry.apiserver.attributes import User
from wherry.apiserver.auth.authenticate import Authenticator
from wherry.apiserver.auth.authorize import decide
from wherry.apiserver.auth.keys import KeyRing
from wherry.apiserver.auth.reviews import Reviews
from wherry.apiserver.auth.serviceaccount import Verifier
from wherry.apiserver.settings import ServiceAccountSettings

from ..world import FixedClock, Objects, info_of, loaded, request

USER = User("jane", ("dev", "system:authenticated"), "9", {"k": ("v",)})
AUTHENTICATION, AUTHORIZATION = "authentication.k8s.io", "authorization.k8s.io"


def ask(group: str, kind: str, spec: Any = None, namespace: str = "") -> Any:
    clock = FixedClock()
    verifier = Verifier(KeyRing(None, ()), Objects(), clock, ServiceAccountSettings())
    reviews = Reviews(Authenticator(verifier, {"t": USER}, clock, ("api",)), decide, ("api",), clock)
    plural = kind.lower() + "s"
    where = f"namespaces/{namespace}/" if namespace else ""
    body = {"apiVersion": f"{group}/v1", "kind": kind} | ({"spec": spec} if spec is not None else {})
    asked = request(f"POST /apis/{group}/v1/{where}{plural}", body)
    response = asyncio.run(reviews.connectors()[f"{plural}.{group}", ""](info_of(asked), asked, USER))
    assert response.status == 201
    return loaded(response)["status"]


def test_who_am_i() -> None:
    assert ask(AUTHENTICATION, "SelfSubjectReview") == {
        "userInfo": {
            "username": "jane",
            "uid": "9",
            "groups": ["dev", "system:authenticated"],
            "extra": {"k": ["v"]},
        }
    }


def test_token_review() -> None:
    good = ask(AUTHENTICATION, "TokenReview", {"token": "t"})
    assert (good["authenticated"], good["user"]["username"], good["audiences"]) == (True, "jane", ["api"])
    assert ask(AUTHENTICATION, "TokenReview", {"token": "x"}) == {"user": {}, "error": "invalid bearer token"}
    with pytest.raises(ApiError, match="token is required for TokenReview in authentication"):
        ask(AUTHENTICATION, "TokenReview", {})


def test_access_reviews() -> None:
    pods = {"verb": "create", "resource": "pods", "namespace": "a"}
    assert ask(AUTHORIZATION, "SelfSubjectAccessReview", {"resourceAttributes": pods}) == {"allowed": True}
    assert ask(AUTHORIZATION, "SubjectAccessReview", {"user": "bob", "resourceAttributes": pods}) == {
        "allowed": False
    }
    masters = {"groups": ["system:masters"], "nonResourceAttributes": {"path": "/x", "verb": "get"}}
    assert ask(AUTHORIZATION, "SubjectAccessReview", masters)["allowed"]
    local = {"user": "bob", "groups": ["system:authenticated"], "resourceAttributes": pods}
    assert ask(AUTHORIZATION, "LocalSubjectAccessReview", local, "a")["allowed"]
    assert ask(AUTHORIZATION, "SelfSubjectRulesReview", {"namespace": "a"})["incomplete"] is False


@pytest.mark.parametrize(
    ("kind", "spec", "text"),
    [
        (
            "SubjectAccessReview",
            {"user": ""},
            '.authorization.k8s.io "" is invalid: [spec.resourceAttributes: Invalid value: null: exactly one '
            "of nonResourceAttributes or resourceAttributes must be specified, "
            'spec.user: Invalid value: "": at least one of user or group must be specified]',
        ),
        (
            "LocalSubjectAccessReview",
            {"user": "bob", "resourceAttributes": {"namespace": "other"}},
            '.authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "other": '
            "must match metadata.namespace",
        ),
    ],
)
def test_refused_reviews(kind: str, spec: Any, text: str) -> None:
    with pytest.raises(ApiError) as error:
        ask(AUTHORIZATION, kind, spec, "a" if kind.startswith("Local") else "")
    assert error.value.message == text


def test_malformed_and_wrong_bodies() -> None:
    with pytest.raises(ApiError) as error:
        ask(AUTHENTICATION, "TokenReview", {"token": 7})
    assert error.value.code == 400
