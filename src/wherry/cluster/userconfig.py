"""The user's kubeconfig: our context goes in when a cluster comes up, out when it goes down.

kubectl's own rules: the first file of `$KUBECONFIG` that has the entry, else the first file, else
`~/.kube/config`; a `.lock` file beside it while it is written. On `down` the context that was
current before ours is current again, if it still exists and the user has not chosen another since.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from wherry.component_flags import UsageError

_SECTIONS = ("clusters", "contexts", "users")
_LOCK_TRIES = 200
_LOCK_PAUSE = 0.02
_FORMER = "wherry.dev/former-context"


def files() -> list[Path]:
    listed = [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return listed or [Path.home() / ".kube" / "config"]


def check(name: str) -> None:
    """Whether `merge` will find files it can read. Raises UsageError."""
    _read(_file_with(name))


def merge(content: dict[str, Any], *, switch: bool = True) -> Path:
    """Puts the entries of `content` in (replacing those of the same name) and makes its context the
    current one. Returns the file that was written."""
    name = content["current-context"]
    target = _file_with(name)
    with _locked(target):
        config = _read(target)
        before = _context(config, name).get("extensions")
        for section in _SECTIONS:
            incoming = content[section]
            names = {entry["name"] for entry in incoming}
            kept = [entry for entry in config.get(section) or [] if entry.get("name") not in names]
            config[section] = [*kept, *incoming]
        former = config.get("current-context") or ""
        if switch and former != name:
            _context(config, name)["extensions"] = [{"name": _FORMER, "extension": {"context": former}}]
            config["current-context"] = name
        elif before:
            _context(config, name)["extensions"] = before
        _write(target, config)
    return target


def remove(name: str) -> str | None:
    """Takes a context with its cluster and user out; returns the context that is current now, None
    when there was nothing to do."""
    target = _file_with(name)
    if not target.exists():
        return None
    with _locked(target):
        config = _read(target)
        entry = _context(config, name)
        if not entry:
            return None
        former = _former(entry)
        gone = {
            "clusters": entry["context"].get("cluster"),
            "users": entry["context"].get("user"),
            "contexts": name,
        }
        for section in _SECTIONS:
            config[section] = [e for e in config.get(section) or [] if e.get("name") != gone[section]]
        if config.get("current-context") == name:
            config["current-context"] = former if _context(config, former) else ""
        _hand_on(config, name, former)
        _write(target, config)
        return str(config.get("current-context", ""))


def _context(config: dict[str, Any], name: str) -> dict[str, Any]:
    return next((e for e in config.get("contexts") or [] if e.get("name") == name), {})


def _hand_on(config: dict[str, Any], gone: str, former: str) -> None:
    """Contexts that would come back to the one that is gone come back to the one before it."""
    for entry in config["contexts"]:
        for extension in entry.get("extensions") or []:
            if extension.get("name") == _FORMER and _former(entry) == gone:
                extension["extension"] = {"context": former}


def _former(entry: dict[str, Any]) -> str:
    for extension in entry.get("extensions") or []:
        if extension.get("name") == _FORMER:
            return str((extension.get("extension") or {}).get("context", ""))
    return ""


def _file_with(name: str) -> Path:
    candidates = files()
    for file in candidates:
        if file.exists() and _context(_read(file), name):
            return file
    return candidates[0]


def _read(file: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(file.read_text())
        if loaded is None:
            loaded = {}
    except FileNotFoundError:
        loaded = {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise UsageError(f"cannot read the kubeconfig {file}: {why}") from error
    if not isinstance(loaded, dict) or not all(_is_section(loaded.get(name)) for name in _SECTIONS):
        raise UsageError(f"{file} is not a kubeconfig")
    return {"apiVersion": "v1", "kind": "Config", "preferences": {}, **loaded}


def _is_section(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(entry, dict) for entry in value))


def _write(file: Path, config: dict[str, Any]) -> None:
    fresh = file.with_name(file.name + ".wherry-new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(yaml.safe_dump(config, sort_keys=False))
    fresh.replace(file.resolve() if file.is_symlink() else file)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """kubectl's lock: a file made exclusively. Waits while somebody else has it."""
    lock = file.with_name(file.name + ".lock")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _acquire(lock)
    except OSError as error:
        raise UsageError(f"cannot lock the kubeconfig {file}: {error.strerror}") from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _acquire(lock: Path) -> None:
    for _ in range(_LOCK_TRIES):
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0))
        except FileExistsError:
            time.sleep(_LOCK_PAUSE)
        else:
            return
    raise UsageError(f"the kubeconfig is locked; if no kubectl is running, remove {lock}")
