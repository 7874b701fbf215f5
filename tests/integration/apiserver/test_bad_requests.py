"""Every wrong request gets the Status that upstream gives, and never a 500.

bad_answers.json is what upstream said, bad_answers_ours.json where ours says something else, which is
- 400 where upstream says 500 of what the client did wrong (and stays 500 in its words, not ours);
- other words for the same refusal, where upstream's are Go's names for its own insides;
- a refusal of a few shapes that upstream's libraries let pass by accident (a JSON patch without a value).
"""

from __future__ import annotations

import pytest
from answers import ask, differences, recorded, summary
from bad_requests import ROWS, SPACE, Row

from kit.apiserver import Server

RECORDED = recorded()
DIFFERENT = differences()


@pytest.mark.parametrize("name", ROWS)
def test_refused_as_upstream_does(name: str, server: Server) -> None:
    answer = summary(ask(server, ROWS[name]))
    assert answer == DIFFERENT.get(name, RECORDED[name])
    assert answer["code"] < 500


@pytest.mark.reference
def test_upstream_still_says_so(upstream: Server) -> None:
    """`record.py` writes the files anew."""
    found = {name: summary(ask(upstream, row)) for name, row in ROWS.items()}
    assert {name: found[name] for name in ROWS if found[name] != RECORDED[name]} == {}


def test_the_tables_agree() -> None:
    assert set(RECORDED) == set(ROWS)
    assert set(DIFFERENT) <= set(ROWS)
    assert [name for name, answer in DIFFERENT.items() if answer == RECORDED[name]] == []


def test_nothing_was_written(server: Server) -> None:
    found = server.ask("GET", f"/api/v1/namespaces/{SPACE}/configmaps").json["items"]
    assert [(item["metadata"]["name"], item["data"]) for item in found] == [("here", {"k": "v"})]


ANONYMOUS = {"Authorization": ""}
OPEN = {("GET", f"/{path}") for path in ("healthz", "livez", "readyz", "version", "version/")}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_nobody_may_do_anything(method: str, server: Server) -> None:
    """...but look at health and version."""
    base = f"/api/v1/namespaces/{SPACE}"
    paths = ["/", "/api", "/apis", "/openapi/v2", "/metrics", "/api/v1/namespaces", f"{base}/configmaps"]
    paths += [f"{base}/configmaps/here", f"{base}/pods/here/exec", f"{base}/pods/here/status", "//version"]
    paths += ["/version/../api", "/version%2f..%2fapi/v1/nodes", "/livez/ping", *(path for _, path in OPEN)]
    for path in paths:
        body = b"{}" if method in ("POST", "PUT", "PATCH") else b""
        status = ask(server, Row("", f"{method} {path}", body, ANONYMOUS)).status
        allowed = (method, path) in OPEN or (method == "HEAD" and ("GET", path) in OPEN)
        assert status == (200 if allowed else 403), path
