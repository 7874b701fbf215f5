from __future__ import annotations

import pytest

from wherry.cri.references import full_name


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("web", "docker.io/library/web:latest"),
        ("web:1", "docker.io/library/web:1"),
        ("me/web", "docker.io/me/web:latest"),
        ("quay.io/me/web", "quay.io/me/web:latest"),
        ("localhost:5000/web", "localhost:5000/web:latest"),
        ("localhost/web:2", "localhost/web:2"),
        ("ghcr.io/a/b@sha256:" + "0" * 64, "ghcr.io/a/b@sha256:" + "0" * 64),
    ],
)
def test_full_name(written: str, meant: str) -> None:
    assert full_name(written) == meant
