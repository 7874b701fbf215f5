"""Service-account tokens: asked for, checked, and dead with what they are bound to."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest

from wherry.api.errors import ApiError
from wherry.apiserver.attributes import User
from wherry.apiserver.auth import oidc
from wherry.apiserver.auth.keys import BadKey, KeyRing, ensure_key_file, public_keys
from wherry.apiserver.auth.serviceaccount import Refused, Verifier
from wherry.apiserver.auth.tokenrequest import TokenRequests
from wherry.apiserver.settings import DEFAULT_ISSUER, ServiceAccountSettings
from wherry.clock import rfc3339

from ..world import FixedClock, Objects, info_of, loaded, request

ME = User("me")


class World:
    def __init__(self, **settings: Any) -> None:
        self.clock = FixedClock()
        self.objects = Objects()
        self.objects.add("serviceaccounts", "bob", "a")
        self.objects.add("nodes", "n1")
        self.objects.add("pods", "web", "a", spec={"serviceAccountName": "bob", "nodeName": "n1"})
        self.settings = ServiceAccountSettings(**settings)
        self.keys = KeyRing(None, ())
        self.verifier = Verifier(self.keys, self.objects, self.clock, self.settings)
        self.requests = TokenRequests(self.keys, self.objects, self.clock, random.Random(1), self.settings)

    def ask(self, account: str = "bob", **spec: Any) -> Any:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        asked = request(f"POST /api/v1/namespaces/a/serviceaccounts/{account}/token", body)
        response = asyncio.run(self.requests.create(info_of(asked), asked, ME))
        assert response.status == 201
        return loaded(response)

    def token(self, **spec: Any) -> str:
        token: str = self.ask(**spec)["status"]["token"]
        return token

    def verify(self, token: str) -> User:
        return self.verifier.verify(token, self.settings.api_audiences)[0]

    def refused(self, token: str) -> str:
        with pytest.raises(Refused) as error:
            self.verify(token)
        return error.value.why


def claims(token: str) -> Any:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_token_for_an_account() -> None:
    world = World()
    made = world.ask()
    assert made["metadata"]["name"] == "bob"
    assert made["spec"] == {"audiences": [DEFAULT_ISSUER], "expirationSeconds": 3600, "boundObjectRef": None}
    assert made["status"]["expirationTimestamp"] == rfc3339(world.clock.now + 3600)
    user = world.verify(made["status"]["token"])
    assert user.name == "system:serviceaccount:a:bob"
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated")
    assert user.uid == "uid-bob"
    assert claims(made["status"]["token"])["kubernetes.io"] == {
        "namespace": "a",
        "serviceaccount": {"name": "bob", "uid": "uid-bob"},
    }


def test_token_dies_with_time_account_and_uid() -> None:
    world = World()
    token = world.token()
    world.clock.now += 3600 + 59
    assert world.verify(token)
    world.clock.now += 2
    assert "expired" in world.refused(token)
    token = world.token()
    world.objects.kept["serviceaccounts", "a", "bob"]["metadata"]["uid"] = "other"
    assert "UID" in world.refused(token)
    del world.objects.kept["serviceaccounts", "a", "bob"]
    assert "deleted" in world.refused(token)


def test_token_bound_to_a_pod() -> None:
    world = World()
    token = world.token(boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": "uid-web"})
    user = world.verify(token)
    assert user.extra["authentication.kubernetes.io/pod-name"] == ("web",)
    assert user.extra["authentication.kubernetes.io/node-name"] == ("n1",)
    pod = world.objects.kept["pods", "a", "web"]
    pod["metadata"]["deletionTimestamp"] = rfc3339(world.clock.now)
    assert world.verify(token)
    world.clock.now += 62
    assert "deleted" in world.refused(token)
    del world.objects.kept["nodes", "", "n1"]
    pod["metadata"].pop("deletionTimestamp")
    assert world.verify(token)


def test_pod_tokens_are_extended_with_a_warning() -> None:
    reference = {"kind": "Pod", "apiVersion": "v1", "name": "web"}
    found = claims(World().token(boundObjectRef=reference, expirationSeconds=3607))
    assert found["exp"] - found["iat"] == 365 * 24 * 3600
    assert found["kubernetes.io"]["warnafter"] == found["iat"] + 3607
    plain = claims(World(extend_expiration=False).token(boundObjectRef=reference, expirationSeconds=3607))
    assert plain["exp"] - plain["iat"] == 3607


def test_other_audiences_issuers_and_keys_do_not_count() -> None:
    world = World()
    assert "audiences" in world.refused(world.token(audiences=["vault"]))
    assert "key" in world.refused(World().token())
    assert "token" in world.refused("a.b.c")


@pytest.mark.parametrize(
    ("account", "spec", "message"),
    [
        ("none", {}, 'serviceaccounts "none" not found'),
        (
            "bob",
            {"expirationSeconds": 10},
            'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 10: '
            "may not specify a duration less than 10 minutes",
        ),
        ("bob", {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "x"}}, 'pods "x" not found'),
        (
            "bob",
            {"boundObjectRef": {"kind": "ConfigMap", "apiVersion": "v1", "name": "x"}},
            "cannot bind token to object of type /v1, Kind=ConfigMap",
        ),
        (
            "bob",
            {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": "z"}},
            'Operation cannot be fulfilled on pods "web": the UID in the bound object reference (z) does not '
            "match the UID in record. The object might have been deleted and then recreated",
        ),
    ],
)
def test_refused_requests(account: str, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError) as error:
        World().ask(account, **spec)
    assert error.value.message == message


def test_longest_life() -> None:
    assert World(max_expiration=1200).ask(expirationSeconds=5000)["spec"]["expirationSeconds"] == 1200


def test_key_files_and_published_keys(tmp_path: Path) -> None:
    path = tmp_path / "sa.key"
    ensure_key_file(path)
    before = path.read_bytes()
    ensure_key_file(path)
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600
    ring = KeyRing(path, (path,))
    assert list(ring.verifying()) == [ring.signing().public.id]
    published = oidc.jwks(ring)["keys"][0]
    assert (published["kty"], published["alg"], published["kid"]) == ("EC", "ES256", ring.signing().public.id)
    assert oidc.configuration("https://i", "https://i/k", ring)["id_token_signing_alg_values_supported"] == [
        "ES256"
    ]
    with pytest.raises(BadKey):
        public_keys(b"nothing", "f")
