from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from wherry.kubelet.host import SetupError
from wherry.kubelet.machine.env import Surroundings
from wherry.kubelet.machine.objects import ObjectReader
from wherry.kubelet.volumes.atomic import File
from wherry.kubelet.volumes.payload import Sources, files_of

from ..kit import pod
from ..machine.test_env import Api


class Tokens:
    async def token(self, pod: Any, audience: str, seconds: int) -> str:
        return f"{audience}/{seconds}"


def files(
    source: dict[str, Any], api: Api | None = None, container: Any = "c", **spec: Any
) -> dict[str, File]:
    wanted = pod(container, volumes=[{"name": "v", **source}], meta={"labels": {"a": "b"}}, **spec)
    objects = ObjectReader(api or Api())  # type: ignore[arg-type]
    sources = Sources(objects, Tokens(), Surroundings())  # type: ignore[arg-type]
    return asyncio.run(files_of(wanted, wanted.spec.volumes[0], sources))


API = Api(
    m={"data": {"k": "v", "l": "w"}, "binaryData": {"b": base64.b64encode(b"\xff").decode()}},
    s={"data": {"p": base64.b64encode(b"secret").decode()}},
)


def test_config_map() -> None:
    found = files({"configMap": {"name": "m", "defaultMode": 0o400}}, API)
    assert found == {"k": File(b"v", 0o400), "l": File(b"w", 0o400), "b": File(b"\xff", 0o400)}


def test_chosen_keys() -> None:
    items = [{"key": "k", "path": "x/y", "mode": 0o600}]
    assert files({"configMap": {"name": "m", "items": items}}, API) == {"x/y": File(b"v", 0o600)}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMap": {"name": "no"}}, 'configmap "no" not found'),
        ({"secret": {"secretName": "no"}}, 'secret "no" not found'),
        (
            {"configMap": {"name": "m", "items": [{"key": "z", "path": "z"}]}},
            "configmap references non-existent config key: z",
        ),
        (
            {"secret": {"secretName": "s", "items": [{"key": "z", "path": "z"}]}},
            "references non-existent secret key: z",
        ),
    ],
)
def test_missing(source: dict[str, Any], message: str) -> None:
    with pytest.raises(SetupError) as caught:
        files(source, API)
    assert (caught.value.reason, caught.value.message) == ("FailedMount", message)


def test_optional() -> None:
    assert files({"configMap": {"name": "no", "optional": True}}, API) == {}
    items = [{"key": "z", "path": "z"}]
    assert files({"secret": {"secretName": "s", "optional": True, "items": items}}, API) == {}


def test_projected() -> None:
    source = {
        "projected": {
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 600, "audience": "me"}},
                {"secret": {"name": "s"}},
                {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            ]
        }
    }
    found = files(source, API)
    assert found == {"token": File(b"me/600"), "p": File(b"secret"), "l": File(b'a="b"')}


@pytest.mark.parametrize(
    ("container", "spec", "owner"),
    [
        ("c", {}, (0o644, -1)),
        ("c", {"securityContext": {"fsGroup": 5}}, (0o640, -1)),
        ("c", {"securityContext": {"runAsUser": 7}}, (0o600, 7)),
        ({"name": "c", "securityContext": {"runAsUser": 8}}, {}, (0o600, 8)),
    ],
)
def test_a_token_is_readable_by_its_pod_only(
    container: Any, spec: dict[str, Any], owner: tuple[int, int]
) -> None:
    source = {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}
    token = files(source, API, container, **spec)["t"]
    assert (token.mode, token.uid) == owner
