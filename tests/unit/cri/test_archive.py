from __future__ import annotations

import contextlib
import io
import json
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.cri.archive import ArchiveError, build, inspect, layer

NAME = "docker.io/library/x:1"


def archive(names: tuple[str, ...] = (NAME,)) -> bytes:
    content = layer(
        files={"bin/x": (b"#!/bin/sh\n", 0o755)}, links={"bin/y": "x"}, directories={"bin": 0o755}
    )
    return build(names, [content], {"Cmd": ["/bin/x"]}, "amd64")


def rebuilt(data: bytes, change: dict[str, bytes | None]) -> bytes:
    """The archive with members replaced or left out."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as source, tarfile.open(fileobj=out, mode="w") as target:
        for member in source:
            content = source.extractfile(member).read()  # type: ignore[union-attr]
            content = change.get(member.name, content)  # type: ignore[assignment]
            if content is not None:
                member.size = len(content)
                target.addfile(member, io.BytesIO(content))
    return out.getvalue()


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def member(data: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.extractfile(name).read()  # type: ignore[union-attr]


def test_same_input_same_bytes() -> None:
    assert archive() == archive()


def test_both_formats_are_in_it(tmp_path: Path) -> None:
    found = inspect(written(tmp_path / "x.tar", archive((NAME, "docker.io/library/x:2"))))
    assert found.names == (NAME, "docker.io/library/x:2") and found.unnamed == 0
    docker = json.loads(member(archive(), "manifest.json"))
    assert docker[0]["RepoTags"] == [NAME] and len(docker[0]["Layers"]) == 1


def test_docker_save_alone_is_understood(tmp_path: Path) -> None:
    data = rebuilt(archive(), {"index.json": None, "oci-layout": None})
    assert inspect(written(tmp_path / "x.tar", data)).names == (NAME,)


def test_an_image_without_a_name_is_counted(tmp_path: Path) -> None:
    index = json.loads(member(archive(), "index.json"))
    del index["manifests"][0]["annotations"]
    data = rebuilt(archive(), {"index.json": json.dumps(index).encode(), "manifest.json": None})
    found = inspect(written(tmp_path / "x.tar", data))
    assert (found.names, found.unnamed) == ((), 1)


def test_damage_is_found(tmp_path: Path) -> None:
    config = json.loads(member(archive(), "manifest.json"))[0]["Config"]
    size = len(member(archive(), config))
    data = rebuilt(archive(), {config: b"x" * size})
    with pytest.raises(ArchiveError, match="is damaged"):
        inspect(written(tmp_path / "x.tar", data))


def test_a_missing_blob_is_found(tmp_path: Path) -> None:
    index = json.loads(member(archive(), "index.json"))
    blob = "blobs/" + index["manifests"][0]["digest"].replace(":", "/")
    with pytest.raises(ArchiveError, match="missing in the archive"):
        inspect(written(tmp_path / "x.tar", rebuilt(archive(), {blob: None})))


def test_a_wrong_size_is_found(tmp_path: Path) -> None:
    index = json.loads(member(archive(), "index.json"))
    index["manifests"][0]["size"] += 1
    data = rebuilt(archive(), {"index.json": json.dumps(index).encode()})
    with pytest.raises(ArchiveError, match=r"index\.json says"):
        inspect(written(tmp_path / "x.tar", data))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no image archive"),
        (b"hello" * 500, "is no image archive"),
        (archive()[:2000], "is no image archive|missing"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(ArchiveError, match=words):
        inspect(written(tmp_path / "x.tar", content))


def test_a_tar_without_an_image_is_refused(tmp_path: Path) -> None:
    data = rebuilt(archive(), {"index.json": None, "manifest.json": None})
    with pytest.raises(ArchiveError, match=r"neither index\.json nor manifest\.json"):
        inspect(written(tmp_path / "x.tar", data))


def test_no_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"nope\.tar: No such file"):
        inspect(tmp_path / "nope.tar")


@given(st.binary(max_size=400), st.sampled_from(["index.json", "manifest.json"]))
def test_any_json_is_survived(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "x.tar", rebuilt(archive(), {name: content}))
        with contextlib.suppress(ArchiveError):
            inspect(path)
