from __future__ import annotations

import pytest

from wherry.cluster.runtime import Verdict


@pytest.mark.parametrize(
    ("missing", "packages", "advice"),
    [
        (("root",), (), "run wherry up as root"),
        (("containerd", "runc"), ("containerd", "runc"), "apt-get install containerd runc"),
        (("root", "nft"), ("nftables",), "apt-get install nftables, then run wherry up as root"),
    ],
)
def test_advice(missing: tuple[str, ...], packages: tuple[str, ...], advice: str) -> None:
    verdict = Verdict(missing, packages)
    assert not verdict.real
    assert verdict.advice() == advice


def test_nothing_missing_is_real() -> None:
    assert Verdict((), ()).real
