"""The API server as a whole, on the memory store, without sockets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from wherry.apiserver.app import ApiServer
from wherry.apiserver.attributes import LOOPBACK, RequestInfo, User
from wherry.apiserver.settings import ApiServerSettings
from wherry.component import Env
from wherry.etcd.open import open_store
from wherry.http.messages import Peer, Request, Response

from .test_protobuf import envelope, field
from .world import FixedClock, loaded, request

Work = Callable[[ApiServer], Awaitable[Any]]
ADMIN = Peer(state={"user": LOOPBACK})


def run(work: Work, connectors: Any = None, **settings: Any) -> Any:
    async def main() -> Any:
        env = Env(FixedClock(), random.Random(1))
        store = open_store(None, env)
        server = ApiServer(store, env, ApiServerSettings(**settings), connectors=connectors)
        async with server.running():
            result = await asyncio.wait_for(work(server), 10)
        await store.close()
        return result

    return asyncio.run(main())


def ask(line: str, body: Any = None, peer: Peer = ADMIN, **headers: str) -> Response:
    asked = request(line, body, peer, **headers)

    async def work(server: ApiServer) -> Response:
        return await server.handle(asked)

    response: Response = run(work)
    return response


def test_what_every_cluster_has() -> None:
    async def work(server: ApiServer) -> None:
        async def get(path: str) -> Any:
            response = await server.handle(request(f"GET {path}", peer=ADMIN))
            assert response.status == 200, path
            return loaded(response)

        names = {item["metadata"]["name"] for item in (await get("/api/v1/namespaces"))["items"]}
        assert names == {"default", "kube-system", "kube-public", "kube-node-lease"}
        service = await get("/api/v1/namespaces/default/services/kubernetes")
        assert service["spec"]["clusterIP"] == "10.0.0.1"
        assert service["spec"]["ports"][0]["targetPort"] == 6443
        endpoints = await get("/api/v1/namespaces/default/endpoints/kubernetes")
        assert endpoints["subsets"][0]["addresses"] == [{"ip": "192.0.2.1"}]
        slices = await get("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes")
        assert slices["endpoints"][0]["addresses"] == ["192.0.2.1"]
        priority = await get("/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical")
        assert priority["value"] == 2000001000

    run(work, advertise_address="192.0.2.1")


def test_a_second_start_finds_everything_and_two_servers_share_the_endpoints() -> None:
    async def main() -> None:
        env = Env(FixedClock(), random.Random(1))
        store = open_store(None, env)
        first = ApiServer(store, env, ApiServerSettings(advertise_address="192.0.2.1"))
        second = ApiServer(store, env, ApiServerSettings(advertise_address="192.0.2.2"))
        async with first.running():
            async with second.running():
                reader = second.registry.reader
                there = reader.get("endpoints", "kubernetes", "default")
                assert there is not None
                assert [a["ip"] for a in there["subsets"][0]["addresses"]] == ["192.0.2.1", "192.0.2.2"]
            response = await first.handle(
                request("GET /api/v1/namespaces/default/endpoints/kubernetes", peer=ADMIN)
            )
            assert [a["ip"] for a in loaded(response)["subsets"][0]["addresses"]] == ["192.0.2.1"]
        await store.close()

    asyncio.run(asyncio.wait_for(main(), 10))


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("GET /api", 403, 'forbidden: User "system:anonymous" cannot get path "/api"'),
        (
            "POST /api/v1/namespaces/default/configmaps",
            403,
            'configmaps is forbidden: User "system:anonymous" cannot create resource "configmaps" in API '
            'group "" in the namespace "default"',
        ),
        ("GET /healthz", 200, ""),
        ("GET /version", 200, ""),
    ],
)
def test_without_credentials(line: str, code: int, message: str) -> None:
    response = ask(line, peer=Peer())
    assert response.status == code
    if message:
        status = loaded(response)
        assert (status["kind"], status["message"], status["code"]) == ("Status", message, code)


def test_bad_credentials() -> None:
    response = ask("GET /healthz", peer=Peer(), authorization="Bearer wrong")
    assert (response.status, loaded(response)["reason"]) == (401, "Unauthorized")


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ("GET /apis/apps/v9", 404, "NotFound"),
        ("GET /apis/apps/v1/foos", 404, "NotFound"),
        ("GET /api/v1/watch", 400, "BadRequest"),
        ("PUT /api", 405, "MethodNotAllowed"),
        ("TRACE /api/v1/pods", 405, "MethodNotAllowed"),
        ("GET /api/v1/namespaces/default/pods/none", 404, "NotFound"),
    ],
)
def test_refusals(line: str, code: int, reason: str) -> None:
    status = loaded(ask(line))
    assert (status["code"], status["reason"]) == (code, reason)


def test_unknown_paths() -> None:
    for path in ("/nowhere", "/apis/foo", "/version/x", "/livez/none"):
        response = ask(f"GET {path}")
        assert (response.status, response.body) == (404, b"404 page not found\n")


def test_a_bug_is_a_500_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(info: RequestInfo, asked: Request, user: User) -> Response:
        raise ZeroDivisionError("secret")

    async def work(server: ApiServer) -> Response:
        return await server.handle(request("GET /api/v1/namespaces/default/pods/x/log", peer=ADMIN))

    response = run(work, {("pods", "log"): broken})
    assert response.status == 500
    assert loaded(response)["reason"] == "InternalError"
    assert b"secret" not in response.body
    assert "ZeroDivisionError" in caplog.text


def test_objects_in_protobuf_are_stored() -> None:
    body = envelope("v1", "ConfigMap", field(1, field(1, "a")) + field(2, field(1, "k") + field(2, "v")))

    async def work(server: ApiServer) -> None:
        path = "/api/v1/namespaces/default/configmaps"
        kind = "application/vnd.kubernetes.protobuf"
        made = await server.handle(
            request(f"POST {path}", body, ADMIN, content_type=kind, accept=f"{kind},application/json")
        )
        assert made.status == 201, made.body
        assert made.content_type == "application/json"
        assert loaded(await server.handle(request(f"GET {path}/a", peer=ADMIN)))["data"] == {"k": "v"}

    run(work)


def test_a_service_account_asks_for_a_token_and_uses_it() -> None:
    async def work(server: ApiServer) -> None:
        accounts = "/api/v1/namespaces/default/serviceaccounts"
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "bob"}}
        assert (await server.handle(request(f"POST {accounts}", account, ADMIN))).status == 201
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        made = loaded(await server.handle(request(f"POST {accounts}/bob/token", asked, ADMIN)))
        bearer = f"Bearer {made['status']['token']}"
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        me = loaded(await server.handle(request(f"POST {path}", review, Peer(), authorization=bearer)))
        assert me["status"]["userInfo"]["username"] == "system:serviceaccount:default:bob"
        nobody = await server.handle(
            request("GET /api", peer=Peer(), authorization=bearer, **{"impersonate-user": "x"})
        )
        assert nobody.status == 200

    run(work)


def test_too_many_requests() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(info: RequestInfo, asked: Request, user: User) -> Response:
        entered.set()
        await leave.wait()
        return Response()

    async def work(server: ApiServer) -> None:
        someone = Peer(state={"user": User("u", ("system:authenticated",))})
        path = "/api/v1/namespaces/default/serviceaccounts/a/token"
        first = asyncio.ensure_future(server.handle(request(f"POST {path}", {}, someone)))
        await entered.wait()
        refused = await server.handle(request(f"POST {path}", {}, someone))
        assert (refused.status, dict(refused.headers)["Retry-After"]) == (429, "1")
        leave.set()
        assert (await first).status == 200

    run(work, {("serviceaccounts", "token"): slow}, max_mutating_requests_inflight=1)


def test_ready_and_metrics() -> None:
    ready = ask("GET /readyz?verbose").body.decode()
    assert "[+]etcd ok" in ready
    assert "[+]poststarthook/bootstrap-controller ok" in ready
    assert b"apiserver_request_total" in ask("GET /metrics").body
    assert "/apis/apps/v1" in loaded(ask("GET /"))["paths"]


def test_serving_over_tls(tmp_path: Path) -> None:
    from wherry.clock import RealClock
    from wherry.http.client import HttpClient
    from wherry.http.tls import client_context, self_signed

    cert, key = tmp_path / "a.crt", tmp_path / "a.key"
    self_signed(cert, key, ["127.0.0.1"], RealClock())
    tokens = tmp_path / "tokens.csv"
    tokens.write_text("secret,admin,1,system:masters\n")

    async def main() -> None:
        env = Env()
        store = open_store(None, env)
        settings = ApiServerSettings(
            bind_address="127.0.0.1",
            secure_port=0,
            tls_cert_file=cert,
            tls_private_key_file=key,
            token_auth_file=tokens,
        )
        server = ApiServer(store, env, settings)
        ready = asyncio.Event()
        task = asyncio.ensure_future(server.run(ready.set))
        await ready.wait()
        assert server.http is not None
        client = HttpClient("127.0.0.1", server.http.port, tls=client_context(cert))
        response = await client.request("GET", "/api", {"authorization": "Bearer secret"})
        assert (response.status, loaded(response)["kind"]) == (200, "APIVersions")
        assert (await client.request("GET", "/readyz")).body == b"ok"
        await client.close()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await store.close()

    asyncio.run(asyncio.wait_for(main(), 10))
