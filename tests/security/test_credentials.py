"""Who is let in: client certificates, tokens, and those who only claim to be somebody."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from certificates import Authority

from kit.apiserver import Server, client_context

NODES = "/api/v1/nodes"
NOBODY = {"Authorization": ""}


def test_a_good_certificate(server: Server, authority: Authority) -> None:
    context = client_context(*authority.issue("alice", "developers"))
    review = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    user = server.ask("POST", path, review, context=context, **NOBODY).json["status"]["userInfo"]
    assert user["username"] == "alice"
    assert user["groups"] == ["developers", "system:authenticated"]


@pytest.mark.parametrize(("begins", "ends"), [(-3, -2), (2, 3)])
def test_a_certificate_out_of_its_dates(
    begins: float, ends: float, server: Server, authority: Authority
) -> None:
    context = client_context(*authority.issue("late", "system:masters", begins=begins, ends=ends))
    for method in ("GET", "POST"):
        assert server.ask(method, NODES, context=context, **NOBODY).status == 401
    assert server.ask("GET", NODES, context=context).status == 200, "its token still counts"


def test_a_certificate_without_a_name(server: Server, authority: Authority) -> None:
    context = client_context(*authority.issue("", "system:masters"))
    assert server.ask("GET", NODES, context=context, **NOBODY).status == 401


def test_a_certificate_of_another_authority(server: Server, tmp_path: Path) -> None:
    """TLS ends there, or the answer is a 401."""
    context = client_context(*Authority(tmp_path, "trusted").issue("mallory", "system:masters"))
    try:
        status = server.ask("GET", NODES, context=context, **NOBODY).status
    except (ssl.SSLError, ConnectionError):
        return
    assert status == 401


def test_a_self_signed_certificate(server: Server, tmp_path: Path) -> None:
    other = Authority(tmp_path, "system:admin")
    cert, key = other.issue("system:admin", "system:masters")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        server.ask("GET", NODES, context=client_context(cert, key), **NOBODY)


@pytest.mark.parametrize("token", ["wrong", "a.b.c", "let-me-i", "LET-ME-IN", "let-me-in\t,x", "x" * 50_000])
def test_wrong_tokens(token: str, server: Server) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = server.ask(method, NODES, Authorization=f"Bearer {token}")
        assert (answer.status, answer.json["reason"]) == (401, "Unauthorized")


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Remote_User": "admin", "X_Remote_Group": "system:masters"},
        {"X_Forwarded_User": "admin", "X_Forwarded_For": "127.0.0.1"},
        {"Impersonate_User": "admin", "Impersonate_Group": "system:masters"},
        {"Cookie": "token=let-me-in"},
        {"Authorization": "Basic bGV0LW1lLWluOg=="},
    ],
)
def test_claims_without_credentials(headers: dict[str, str], server: Server) -> None:
    assert server.ask("GET", NODES, **{**NOBODY, **headers}).status == 403
    assert server.ask("GET", f"{NODES}?access_token=let-me-in", **NOBODY).status == 403


def test_impersonation_leaves_the_impersonators_groups_behind(server: Server) -> None:
    review = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    found = server.ask("POST", path, review, Impersonate_User="bob").json["status"]["userInfo"]
    assert (found["username"], found["groups"]) == ("bob", ["system:authenticated"])
    assert server.ask("GET", NODES, Impersonate_User="system:anonymous").status == 403
