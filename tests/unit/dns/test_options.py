from __future__ import annotations

from pathlib import Path

import pytest

from wherry.component_flags import UsageError, parse
from wherry.dns.forward import Upstream
from wherry.dns.options import FLAGS, settings


def test_defaults(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 10.0.0.1\n")
    found = settings(parse(FLAGS, [f"--resolv-conf={conf}"]))
    assert (found.cluster_domain, found.addresses, found.port, found.ttl) == (
        "cluster.local",
        ("0.0.0.0",),
        53,
        30,
    )
    assert found.upstreams == (Upstream("10.0.0.1", 53),)


def test_without_upstreams_it_still_starts(tmp_path: Path) -> None:
    assert settings(parse(FLAGS, [f"--resolv-conf={tmp_path / 'missing'}"])).upstreams == ()


def test_values() -> None:
    words = "--cluster-domain=Example.Org. --bind-address=10.0.0.5,::1 --port=10053 --upstream=9.9.9.9"
    found = settings(parse(FLAGS, [*words.split(), "--ready-port=8181"]))
    assert (found.cluster_domain, found.addresses, found.port) == ("example.org", ("10.0.0.5", "::1"), 10053)
    assert (found.upstreams, found.ready_port) == ((Upstream("9.9.9.9"),), 8181)


@pytest.mark.parametrize(
    "word",
    [
        "--cluster-domain=-x",
        "--cluster-domain=",
        "--bind-address=host",
        "--bind-address=",
        "--port=70000",
        "--ttl=-1",
        "--upstream=x",
        "--ready-port=-2",
    ],
)
def test_what_is_wrong_is_one_line(word: str) -> None:
    with pytest.raises(UsageError, match=r"^--"):
        settings(parse(FLAGS, ["--upstream=9.9.9.9", word]))
