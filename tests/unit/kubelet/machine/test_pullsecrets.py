from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from wherry.kubelet.machine.pullsecrets import matching


def secret(**auths: Any) -> dict[str, str]:
    return {".dockerconfigjson": base64.b64encode(json.dumps({"auths": auths}).encode()).decode()}


@pytest.mark.parametrize(
    ("registry", "image", "fits"),
    [
        ("quay.io", "quay.io/a/b:1", True),
        ("https://quay.io/v2/", "quay.io/a/b:1", True),
        ("quay.io/a", "quay.io/a/b:1", True),
        ("quay.io/z", "quay.io/a/b:1", False),
        ("*.example.com", "reg.example.com/x:1", True),
        ("https://index.docker.io/v1/", "docker.io/library/x:latest", True),
        ("quay.io", "docker.io/library/x:latest", False),
    ],
)
def test_which_registry(registry: str, image: str, fits: bool) -> None:
    data = secret(**{registry: {"username": "u", "password": "p"}})
    assert bool(list(matching(data, image))) is fits


def test_the_joined_form() -> None:
    data = secret(**{"quay.io": {"auth": base64.b64encode(b"user:pass:word").decode()}})
    ((_, auth),) = matching(data, "quay.io/x:1")
    assert (auth.username, auth.password) == ("user", "pass:word")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"auths": 3}', b'{"auths": {"quay.io": 4}}', b"\xff"]
)
def test_malformed_secrets_have_nothing(content: bytes) -> None:
    data = {".dockerconfigjson": base64.b64encode(content).decode()}
    assert list(matching(data, "quay.io/x:1")) == []
    assert list(matching({".dockercfg": "%%%"}, "quay.io/x:1")) == []
