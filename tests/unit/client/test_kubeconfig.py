from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from wherry.client.kubeconfig import MAX_SIZE, ClientConfig, KubeconfigError, from_mapping, load

FILE = """\
apiVersion: v1
kind: Config
current-context: one
contexts:
- name: one
  context: {cluster: here, user: admin, namespace: mine}
- name: two
  context: {cluster: here, user: node}
clusters:
- name: here
  cluster: {server: "https://127.0.0.1:6443", certificate-authority: ca.crt, tls-server-name: api}
users:
- name: admin
  user: {client-certificate-data: Y2VydA==, client-key-data: a2V5, client-key: nowhere}
- name: node
  user: {tokenFile: token}
"""


def write(folder: Path, text: str = FILE) -> Path:
    (folder / "ca.crt").write_bytes(b"authorities")
    path = folder / "config"
    path.write_text(text)
    return path


def test_the_current_context(tmp_path: Path) -> None:
    assert load(write(tmp_path)) == ClientConfig(
        server="https://127.0.0.1:6443",
        ca=b"authorities",
        certificate=b"cert",
        key=b"key",
        tls_server_name="api",
        namespace="mine",
    )


def test_another_context(tmp_path: Path) -> None:
    config = load(write(tmp_path), "two")
    assert (config.token_file, config.namespace) == (str(tmp_path / "token"), "default")


def test_json_is_yaml(tmp_path: Path) -> None:
    config = {
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://x", "insecure-skip-tls-verify": True}}],
        "users": [{"name": "u", "user": {"token": "secret"}}],
    }
    found = load(write(tmp_path, json.dumps(config)))
    assert found.insecure and found.token == "secret"


def broken(**changes: Any) -> dict[str, Any]:
    config: dict[str, Any] = {
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://x"}}],
        "users": [{"name": "u", "user": {}}],
    }
    return {**config, **{key.replace("_", "-"): value for key, value in changes.items()}}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ([], "not a kubeconfig"),
        (broken(current_context=""), "no current-context"),
        (broken(current_context=5), "current-context must be a string"),
        (broken(current_context="b"), 'context "b" does not exist'),
        (broken(contexts=None), 'context "a" does not exist'),
        (broken(clusters=["?"]), 'cluster "c" does not exist'),
        (broken(clusters=[{"name": "c", "cluster": {}}]), 'cluster "c" has no server'),
        (broken(users=[]), 'user "u" does not exist'),
        (broken(users=[{"name": "u", "user": {"exec": {"command": "x"}}}]), "signs in by exec"),
        (broken(users=[{"name": "u", "user": {"client-key-data": "!"}}]), "client-key-data is not base64"),
        (broken(users=[{"name": "u", "user": {"client-key": "absent"}}]), "cannot read client-key"),
    ],
)
def test_what_is_wrong_is_said(config: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=message):
        from_mapping(config, tmp_path)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="No such file"):
        load(tmp_path / "absent")
    with pytest.raises(KubeconfigError, match=r"config: not YAML"):
        load(write(tmp_path, "a: [b"))
    with pytest.raises(KubeconfigError, match="larger"):
        load(write(tmp_path, " " * (MAX_SIZE + 1)))


def test_data_is_decoded_strictly(tmp_path: Path) -> None:
    data = base64.b64encode(b"\0\xff").decode()
    config = broken(users=[{"name": "u", "user": {"client-certificate-data": data}}])
    assert from_mapping(config, tmp_path).certificate == b"\0\xff"
