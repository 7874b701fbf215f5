"""Image archives: building small ones, and looking into those that people bring.

`build` makes one tar that is both an OCI image layout and what `docker save` writes, so every tool
can load it. `inspect` reads either kind, checks every digest and size it can, and says which images
are inside; it never unpacks anything to disk.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_MAX_JSON = 8 << 20
_CHUNK = 1 << 20


class ArchiveError(Exception):
    """The file is not an image archive, or is damaged; one line for the person who brought it."""


@dataclass(frozen=True, slots=True)
class ImageArchive:
    """`names` are full references; `unnamed` counts images without one (they load by digest only)."""

    names: tuple[str, ...]
    unnamed: int
    size: int


def layer(
    *,
    files: Mapping[str, tuple[bytes, int]] | None = None,
    links: Mapping[str, str] | None = None,
    directories: Mapping[str, int] | None = None,
) -> bytes:
    """An uncompressed layer: directories with modes, files with (content, mode), symbolic links."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, mode in (directories or {}).items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        for path, (content, mode) in (files or {}).items():
            _add(tar, path, content, mode)
        for path, target in (links or {}).items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
            tar.addfile(entry)
    return out.getvalue()


def build(
    names: Sequence[str], layers: Iterable[bytes], config: Mapping[str, Any], architecture: str
) -> bytes:
    """An image archive. The same input gives the same bytes. `names` are full references."""
    blobs: dict[str, bytes] = {}
    descriptors: list[dict[str, Any]] = []
    diff_ids: list[str] = []
    for content in layers:
        diff_ids.append(_digest(content))
        descriptors.append(_put(blobs, gzip.compress(content, 6, mtime=0), _LAYER))
    image = {
        "architecture": architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    config_descriptor = _put(blobs, _json(image), _CONFIG)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": config_descriptor,
        "layers": descriptors,
    }
    top = _put(blobs, _json(manifest), _MANIFEST)
    top["platform"] = {"architecture": architecture, "os": "linux"}
    index = {
        "schemaVersion": 2,
        "manifests": [{**top, "annotations": {"io.containerd.image.name": name}} for name in names],
    }
    docker = [
        {
            "Config": _blob_path(config_descriptor["digest"]),
            "RepoTags": list(names),
            "Layers": [_blob_path(d["digest"]) for d in descriptors],
        }
    ]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}', 0o644)
        _add(tar, "index.json", _json(index), 0o644)
        _add(tar, "manifest.json", _json(docker), 0o644)
        for digest, content in blobs.items():
            _add(tar, _blob_path(digest), content, 0o644)
    return out.getvalue()


def inspect(path: Path) -> ImageArchive:
    """What an archive holds. ArchiveError when it is none, or when a blob is missing or damaged."""
    try:
        with tarfile.open(path, "r:*") as tar:
            members = {m.name.removeprefix("./"): m for m in tar if m.isfile()}
            if "index.json" in members:
                names, unnamed = _oci_names(tar, members)
            elif "manifest.json" in members:
                names, unnamed = _docker_names(tar, members)
            else:
                raise ArchiveError(
                    f"{path} is no image archive: neither index.json nor manifest.json is in it"
                )
            _check_blobs(tar, members)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise ArchiveError(f"{path} is no image archive, or is cut off: {error}") from error
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror or error}") from error
    return ImageArchive(tuple(names), unnamed, path.stat().st_size)


def _oci_names(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> tuple[list[str], int]:
    index = _read_json(tar, members, "index.json")
    manifests = index.get("manifests") if isinstance(index, dict) else None
    if not isinstance(manifests, list) or not manifests:
        raise ArchiveError("index.json names no image")
    tags = _docker_names(tar, members)[0] if "manifest.json" in members else []
    names: list[str] = []
    unnamed = 0
    for entry in manifests:
        _check_descriptor(entry, members)
        name = (entry.get("annotations") or {}).get("io.containerd.image.name")
        if name:
            names.append(str(name))
        else:
            unnamed += 1
    if not names and tags:  # skopeo and buildah write the tags into manifest.json only
        return tags, 0
    return names, unnamed


def _check_descriptor(entry: Any, members: dict[str, tarfile.TarInfo]) -> None:
    if not isinstance(entry, dict) or not isinstance(entry.get("digest"), str):
        raise ArchiveError("index.json: an entry has no digest")
    member = members.get(_blob_path(entry["digest"]))
    if member is None:
        raise ArchiveError(f"{entry['digest']} is named in index.json and missing in the archive")
    if member.size != entry.get("size"):
        size = entry.get("size")
        raise ArchiveError(f"{entry['digest']} has {member.size} bytes, index.json says {size}")


def _docker_names(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> tuple[list[str], int]:
    images = _read_json(tar, members, "manifest.json")
    if not isinstance(images, list) or not images:
        raise ArchiveError("manifest.json names no image")
    names: list[str] = []
    unnamed = 0
    for image in images:
        if not isinstance(image, dict):
            raise ArchiveError("manifest.json: an entry is not an object")
        for part in [image.get("Config"), *(image.get("Layers") or [])]:
            if part not in members and not _is_link(tar, part):
                raise ArchiveError(f"{part} is named in manifest.json and missing in the archive")
        tags = image.get("RepoTags") or []
        names += [str(tag) for tag in tags]
        unnamed += not tags
    return names, unnamed


def _is_link(tar: tarfile.TarFile, name: Any) -> bool:
    """`docker save` of old writes equal layers once and links to them."""
    try:
        return isinstance(name, str) and not tar.getmember(name).isdir()
    except KeyError:
        return False


def _check_blobs(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> None:
    for name, member in members.items():
        folder, _, digest = name.rpartition("/")
        if folder != "blobs/sha256":
            continue
        source = tar.extractfile(member)
        sum_ = hashlib.sha256()
        while source and (chunk := source.read(_CHUNK)):
            sum_.update(chunk)
        if sum_.hexdigest() != digest:
            raise ArchiveError(f"sha256:{digest} is damaged: its content has sha256:{sum_.hexdigest()}")


def _read_json(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo], name: str) -> Any:
    member = members[name]
    source = tar.extractfile(member) if member.size <= _MAX_JSON else None
    if source is None:
        raise ArchiveError(f"{name} is too large: {member.size} bytes")
    try:
        return json.load(source)
    except ValueError as error:
        raise ArchiveError(f"{name} is not JSON: {error}") from error


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _put(blobs: dict[str, bytes], content: bytes, media_type: str) -> dict[str, Any]:
    digest = _digest(content)
    blobs[digest] = content
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _blob_path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/", 1)


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
