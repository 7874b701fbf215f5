#!/usr/bin/env python3
"""Write requirements.txt: every package of `wherry[dev]` at one version, with the hashes of its files.

Uses pip's own resolver (`pip install --dry-run --report`) and `pip hash`-compatible digests from the
index's file list, so that the file holds for every platform that has wheels.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = "# Made by `make lock`; every package of the tests and the product, with its files' hashes.\n"


def resolve() -> list[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        report = Path(folder) / "report.json"
        pip = [str(venv / "bin/python"), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run(
            [
                *pip,
                "install",
                "--quiet",
                "--dry-run",
                "--ignore-installed",
                "--report",
                str(report),
                f"{ROOT}[dev]",
                "hatchling",
                "editables",
            ],
            check=True,
        )
        found = json.loads(report.read_text())["install"]
    pins = [(i["metadata"]["name"], i["metadata"]["version"]) for i in found]
    return sorted((n.lower().replace("_", "-"), v) for n, v in pins if n.lower() != "wherry")


def index_url() -> str:
    """pip's own: the configured index, else its default."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    configured = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    if configured:
        return configured.rstrip("/")
    code = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip().rstrip("/")


def hashes(name: str, version: str) -> list[str]:
    """sha256 of every file of this version, from the index's page."""
    request = urllib.request.Request(f"{index_url()}/{name}/", headers={"Accept": "text/html"})
    with urllib.request.urlopen(request) as response:
        page = response.read().decode()
    stem = re.escape(name).replace(r"\-", "[-_.]+")
    pattern = re.compile(rf">({stem})-{re.escape(version)}(?:-[^<]*\.whl|\.tar\.gz|\.zip)<", re.I)
    found = set()
    for link in re.findall(r"<a [^>]*>[^<]*</a>", page):
        if pattern.search(link) and (digest := re.search(r"#sha256=([0-9a-f]{64})", link)):
            found.add(digest.group(1))
    if not found:
        raise SystemExit(f"no hashes for {name} {version}")
    return sorted(found)


def main() -> None:
    lines = [HEAD]
    for name, version in resolve():
        lines.append(f"{name}=={version} \\\n")
        digests = hashes(name, version)
        lines += [f"    --hash=sha256:{d}{' ' + chr(92) if d != digests[-1] else ''}\n" for d in digests]
    (ROOT / "requirements.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
