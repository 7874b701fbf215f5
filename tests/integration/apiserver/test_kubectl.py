"""Wrong manifests through kubectl: `--validate=strict` refuses, `warn` warns, `ignore` takes them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from bad_requests import SPACE

from kit.apiserver import Server

CACHED = Path.home() / ".cache" / "wherry" / "bin" / "kubectl"
KUBECTL = str(CACHED) if CACHED.exists() else shutil.which("kubectl")

pytestmark = pytest.mark.skipif(KUBECTL is None, reason="no kubectl: `make kubectl`")

UNKNOWN = """
apiVersion: v1
kind: ConfigMap
metadata: {name: unknown}
mistake: 1
"""
UNKNOWN_DEEP = """
apiVersion: v1
kind: Pod
metadata: {name: unknown}
spec:
  containers: [{name: c, image: i, imag: j}]
"""


def kubectl(server: Server, manifest: str, *words: str) -> tuple[int, str, str]:
    assert KUBECTL is not None
    done = subprocess.run(
        [
            *(KUBECTL, f"--server=https://127.0.0.1:{server.port}", f"--token={server.token}"),
            *("--insecure-skip-tls-verify", "--kubeconfig=/dev/null", f"--namespace={SPACE}"),
            *("create", "--dry-run=server", "-f", "-", *words),
        ],
        input=manifest,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("manifest", "complaint"),
    [
        (UNKNOWN, 'unknown field "mistake"'),
        (UNKNOWN_DEEP, 'unknown field "spec.containers[0].imag"'),
    ],
)
def test_strict(manifest: str, complaint: str, server: Server) -> None:
    code, out, err = kubectl(server, manifest, "--validate=strict")
    assert (code, out) == (1, "")
    assert complaint in err


def test_warn_and_ignore(server: Server) -> None:
    created = "configmap/unknown created (server dry run)\n"
    warning = 'Warning: unknown field "mistake"\n'
    assert kubectl(server, UNKNOWN, "--validate=warn") == (0, created, warning)
    assert kubectl(server, UNKNOWN, "--validate=ignore") == (0, created, "")


@pytest.mark.parametrize(
    "manifest", ["{", "a: b: c", "[]", "kind: Pod", "apiVersion: v1\nkind: Konfig\n", "\0"]
)
def test_no_manifest(manifest: str, server: Server) -> None:
    code, _, err = kubectl(server, manifest)
    assert code == 1
    assert err.startswith("error: ")
