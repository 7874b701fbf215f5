from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wherry.kubelet.static import ManifestError, read_manifests, static_pod

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "fixed"},
    "spec": {"containers": [{"name": "c", "image": "x"}]},
}


def test_a_static_pod() -> None:
    found = static_pod(POD, "node1", "/m/a.yaml", "now")
    meta = found.metadata
    assert (meta.name, meta.namespace, found.spec.nodeName) == ("fixed-node1", "default", "node1")
    assert meta.annotations["kubernetes.io/config.source"] == "file"
    assert meta.annotations["kubernetes.io/config.hash"] == meta.uid
    assert found.spec.tolerations[0].effect == "NoExecute" and found.spec.restartPolicy == "Always"


def test_the_uid_follows_content_file_and_node_but_not_time() -> None:
    changed = {**POD, "spec": {**POD["spec"], "hostNetwork": True}}
    uids = {
        static_pod(POD, "n", "/a", "1").metadata.uid,
        static_pod(POD, "n", "/b", "1").metadata.uid,
        static_pod(POD, "m", "/a", "1").metadata.uid,
        static_pod(changed, "n", "/a", "1").metadata.uid,
    }
    assert len(uids) == 4
    assert static_pod(POD, "n", "/a", "1").metadata.uid == static_pod(POD, "n", "/a", "2").metadata.uid


@pytest.mark.parametrize(
    "source",
    [
        {},
        {**POD, "kind": "Service"},
        {**POD, "metadata": {}},
        {**POD, "spec": None},
        {**POD, "spec": {"containers": "none"}},
    ],
)
def test_what_is_no_pod(source: dict[str, Any]) -> None:
    with pytest.raises(ManifestError):
        static_pod(source, "n", "/a", "1")


def test_a_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "good.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n"
    )
    (tmp_path / "bad.yaml").write_text("{")
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "folder").mkdir()
    found = read_manifests(tmp_path, "n", "now")
    assert [pod.metadata.name for pod in found.values()] == ["a-n"]
    assert len(caplog.records) == 2
    assert read_manifests(tmp_path / "none", "n", "now") == {}
