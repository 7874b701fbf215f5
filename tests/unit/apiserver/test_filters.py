"""Bounds on requests under way, health, metrics, and bodies."""

from __future__ import annotations

import asyncio

import pytest

from wherry.api.errors import ApiError
from wherry.apiserver.attributes import LOOPBACK, User
from wherry.apiserver.bodies import media_types, negotiate, read_object
from wherry.apiserver.filters import InFlight
from wherry.apiserver.health import Health
from wherry.apiserver.metrics import RequestMetrics

from .world import info_of, request

USER = User("u", ("system:authenticated",))
GET, POST = (info_of(request(f"{method} /api/v1/namespaces/a/pods")) for method in ("GET", "POST"))


def test_in_flight_bounds_reads_and_writes_apart() -> None:
    bound = InFlight(2, 1)
    first, second = bound.enter(GET, USER), bound.enter(GET, USER)
    with pytest.raises(ApiError) as error:
        bound.enter(GET, USER)
    assert (error.value.code, error.value.headers) == (429, (("Retry-After", "1"),))
    assert bound.enter(POST, USER) == "mutating"
    assert bound.enter(GET, LOOPBACK) == "readOnly"
    bound.leave(first)
    bound.leave(second)
    assert bound.enter(GET, USER) == "readOnly"


@pytest.mark.parametrize("line", ["GET /api/v1/pods?watch=1", "GET /api/v1/namespaces/a/pods/x/log"])
def test_long_requests_are_not_counted(line: str) -> None:
    bound = InFlight(1, 1)
    for _ in range(3):
        assert bound.enter(info_of(request(line)), USER) == ""
    bound.leave("")
    assert bound.current == {"readOnly": 0, "mutating": 0}


def ask(health: Health, line: str) -> tuple[int, str]:
    asked = request(line)
    response = asyncio.run(health.answer(asked.path, asked))
    return response.status, response.body.decode()


def test_health() -> None:
    broken = ["disk"]

    async def store() -> str:
        return broken[0]

    health = Health()
    health.add("etcd", store)
    assert ask(health, "GET /readyz") == (
        500,
        "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n",
    )
    assert ask(health, "GET /readyz?exclude=etcd&verbose") == (
        200,
        "[+]ping ok\n[+]etcd excluded: ok\nreadyz check passed\n",
    )
    broken[0] = ""
    assert ask(health, "GET /livez") == (200, "ok")
    assert ask(health, "GET /livez/etcd") == (200, "ok")
    assert ask(health, "GET /livez/none")[0] == 404
    assert ask(health, "GET /healthz?verbose&exclude=x")[1] == (
        '[+]ping ok\n[+]etcd ok\nwarn: some health checks cannot be excluded: no matches for "x"\n'
        "healthz check passed\n"
    )


def test_metrics_leave_out_what_clients_made_up() -> None:
    metrics = RequestMetrics()
    metrics.record(GET, 200, 0.01)
    metrics.record(GET, 200, 0.3)
    metrics.record(info_of(request("GET /api/v1/nonsense")), 404, 0.01)
    text = metrics.text({"readOnly": 1}, frozenset({("", "v1", "pods")}))
    labels = 'group="",resource="pods",subresource="",verb="LIST",version="v1"'
    assert f'apiserver_request_total{{code="200",{labels}}} 2' in text
    assert f'apiserver_request_duration_seconds_bucket{{{labels},le="0.025"}} 1' in text
    assert f'apiserver_request_duration_seconds_bucket{{{labels},le="+Inf"}} 2' in text
    assert 'apiserver_current_inflight_requests{request_kind="readOnly"} 1' in text
    assert "nonsense" not in text


def test_accept() -> None:
    assert media_types("a/b;q=0.5, c/d;x=y") == [("c/d", {"x": "y"}), ("a/b", {})]
    assert (
        negotiate(request("GET /", accept="application/vnd.kubernetes.protobuf, */*")) == "application/json"
    )
    assert negotiate(request("GET /", accept="application/yaml")) == "application/yaml"
    with pytest.raises(ApiError, match="only the following media types are accepted"):
        negotiate(request("GET /", accept="image/png"))


def test_read_object() -> None:
    good = request(
        "POST /", b"kind: TokenReview\nspec: {token: x, unknown: 1}", content_type="application/yaml"
    )
    assert read_object(good, "authentication.k8s.io/v1", "TokenReview")["spec"] == {"token": "x"}
    for body, content_type, code in (
        (b"{", "application/json", 400),
        (b"{]", "application/yaml", 400),
        (b'{"kind":"Pod"}', "application/json", 400),
        (b"{}", "image/png", 415),
    ):
        with pytest.raises(ApiError) as error:
            read_object(
                request("POST /", body, content_type=content_type), "authentication.k8s.io/v1", "TokenReview"
            )
        assert error.value.code == code
