"""Golden texts of both renderers, and that changes written one by one leave what a full write leaves."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from wherry.proxy.render.iptables import IptablesRenderer, chain_name
from wherry.proxy.render.nft import NftRenderer
from wherry.proxy.rules import Rules, apply_changes
from wherry.proxy.settings import Ruling

from .test_rules import STEPS, replay
from .world import endpoint, known, service, slice_

GOLDEN = Path(__file__).parent / "golden"
RULING = Ruling(cluster_cidr="10.244.0.0/16")


def everything() -> Any:
    """One Service of each kind that is rendered differently."""
    two = (endpoint("10.244.0.5"), endpoint("10.244.1.7", "n2"))
    balancer = {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}]}}
    return known(
        service("plain"),
        slice_("plain", *two),
        service(
            "node", ip="10.96.0.11", type="NodePort", ports=[{"name": "http", "port": 80, "nodePort": 30080}]
        ),
        slice_("node", *two, ports=[{"name": "http", "port": 8080, "protocol": "TCP"}]),
        service("empty", ip="10.96.0.12", type="NodePort", ports=[{"port": 80, "nodePort": 30081}]),
        service("sticky", ip="10.96.0.13", sessionAffinity="ClientIP"),
        slice_("sticky", *two),
        service(
            "local",
            ip="10.96.0.14",
            type="LoadBalancer",
            externalTrafficPolicy="Local",
            ports=[{"port": 80, "nodePort": 30082}],
            loadBalancerSourceRanges=["10.0.0.0/8"],
            status=balancer,
        ),
        slice_("local", *two),
        service("inside", ip="10.96.0.15", internalTrafficPolicy="Local"),
        slice_("inside", two[1]),
        service("dns", ip="10.96.0.16", ports=[{"port": 53, "protocol": "UDP"}]),
        slice_("dns", two[0], ports=[{"name": "", "port": 53, "protocol": "UDP"}]),
    )


def compiled(changes: Any) -> Rules:
    made = Rules()
    apply_changes(made, changes.take(), changes.rules_of)
    return made


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"UPDATE_GOLDEN=1 pytest writes {path.name} anew"


def test_nftables_full() -> None:
    text = NftRenderer(RULING).full(compiled(everything()).in_force.values())
    # The shared chains differ by their number only: three of them stand for all.
    lines, kept, skip = text.splitlines(keepends=True), [], False
    for line in lines:
        if line.startswith(" chain ") and line[7] in "nex" and line[8].isdigit():
            skip = int(line[8:].split()[0]) > 2
        if not skip:
            kept.append(line)
        skip = skip and line != " }\n"
    golden("full.nft", "".join(kept))


def test_iptables_full() -> None:
    golden("full.iptables", IptablesRenderer(RULING).full(compiled(everything()).in_force.values()))


@pytest.mark.parametrize("kind", ["nft", "iptables"])
def test_one_change(kind: str) -> None:
    changes = everything()
    made = compiled(changes)
    renderer: Any = NftRenderer(RULING) if kind == "nft" else IptablesRenderer(RULING)
    renderer.full(made.in_force.values())
    old = changes.slices["d/plain"]["plain-x"]
    changes.on_slice("modified", old, slice_("plain", endpoint("10.244.0.5"), endpoint("10.244.0.6")))
    sticky = changes.slices["d/sticky"]["sticky-x"]
    changes.on_slice("modified", sticky, slice_("sticky", endpoint("10.244.0.5")))
    text = renderer.change(apply_changes(made, changes.take(), changes.rules_of))
    golden(f"change.{kind}", text)
    assert renderer.change({}) == ""


def test_settings_shape_the_table() -> None:
    ruling = Ruling(
        cluster_cidr="10.1.0.0/16",
        masquerade_egress=True,
        masquerade_bit=3,
        node_port_addresses=("192.0.2.0/24",),
        localhost_node_ports=False,
        table="wherry-a",
        suffix="a",
    )
    nft = NftRenderer(ruling).full(())
    assert "table ip wherry-a {" in nft
    assert "ip saddr 10.1.0.0/16 ip daddr != 10.1.0.0/16 masquerade" in nft
    assert "fib daddr type local ip daddr { 192.0.2.0/24 } ip daddr != 127.0.0.0/8" in nft
    assert "meta mark | 0x8" in nft
    iptables = IptablesRenderer(ruling).full(())
    assert "-A KUBE-SERVICES-a " in iptables
    assert "-d 192.0.2.0/24 -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS-a" in iptables


def test_chain_names_are_upstreams() -> None:
    # Taken from a kube-proxy: the Service kubernetes of a kubeadm cluster is well known.
    assert chain_name("SVC", "default/kubernetes:https", "tcp") == "KUBE-SVC-NPX46M4PTMTKRN6Y"
    assert chain_name("SVC", "kube-system/kube-dns:dns", "udp") == "KUBE-SVC-TCOU7JCQXEZGVUNU"
    assert chain_name("SVC", "kube-system/kube-dns:dns-tcp", "tcp") == "KUBE-SVC-ERIFXISQEP7F7OF4"


def test_stale_chains_of_a_former_run_go_others_stay() -> None:
    stale, foreign = "KUBE-SVC-AAAAAAAAAAAAAAAA", "KUBE-SVC-AAAAAAAAAAAAAAab"
    text = IptablesRenderer(RULING).full((), [stale, foreign, "KUBE-KUBELET-CANARY"])
    assert f"-X {stale}" in text
    assert foreign not in text
    assert "CANARY" not in text


class FakeTable:
    """The kernel's side of nftables transactions, as far as the renderer uses it."""

    def __init__(self) -> None:
        self.elements: dict[tuple[str, str], str] = {}
        self.chains: dict[str, list[str]] = {}
        self.sets: dict[str, str] = {}

    def run(self, text: str) -> None:
        for line in (
            text.split("}\nadd", 1)[-1].splitlines() if text.startswith("add table") else text.splitlines()
        ):
            words = line.split(" ", 5)
            if len(words) < 5 or words[0] not in ("add", "delete", "flush"):
                continue
            verb, kind, _, _, name = words[:5]
            rest = words[5] if len(words) > 5 else ""
            getattr(self, f"{verb}_{kind}")(name, rest)

    def add_element(self, name: str, rest: str) -> None:
        for key, value in _elements(rest):
            assert (name, key) not in self.elements
            target = value.removeprefix("goto ")
            assert value in ("", "drop") or not value.startswith("goto") or self._there(target)
            self.elements[name, key] = value

    def delete_element(self, name: str, rest: str) -> None:
        for key, value in _elements(rest):
            assert self.elements.pop((name, key)) == value

    def add_chain(self, name: str, rest: str) -> None:
        assert name not in self.chains
        self.chains[name] = []

    def flush_chain(self, name: str, rest: str) -> None:
        self.chains[name].clear()

    def delete_chain(self, name: str, rest: str) -> None:
        assert not self.chains.pop(name)
        assert not any(f"goto {name}" in line for lines in self.chains.values() for line in lines)
        assert f"goto {name}" not in self.elements.values()

    def add_set(self, name: str, rest: str) -> None:
        assert name not in self.sets
        self.sets[name] = rest

    def delete_set(self, name: str, rest: str) -> None:
        del self.sets[name]
        assert not any(f"@{name}" in line for lines in self.chains.values() for line in lines)

    def add_rule(self, name: str, rest: str) -> None:
        self.chains[name].append(rest)

    def _there(self, chain: str) -> bool:
        return chain in self.chains or chain == "refuse" or chain[1:].isdigit()


def _elements(text: str) -> Iterable[tuple[str, str]]:
    for part in text.strip("{} ").split(", "):
        key, _, value = part.partition(" : ")
        yield key, value


@given(STEPS)
def test_nft_changes_add_up(steps: list[Any]) -> None:
    changes, made, renderer, table = known(), Rules(), NftRenderer(RULING), FakeTable()
    renderer.full(())
    replay(
        steps,
        changes,
        lambda: table.run(renderer.change(apply_changes(made, changes.take(), changes.rules_of))),
    )
    whole = FakeTable()
    fresh = NftRenderer(RULING)
    fresh.full(())
    whole.run(fresh.change({m: (None, r) for m, r in made.in_force.items()}))
    assert table.elements == whole.elements
    assert table.chains == whole.chains
    assert table.sets == whole.sets


class FakeIptables:
    """What iptables-restore --noflush does to a table's chains."""

    def __init__(self) -> None:
        self.chains: dict[tuple[str, str], list[str]] = {}

    def run(self, text: str) -> None:
        table = ""
        for line in text.splitlines():
            verb, _, rest = line.partition(" ")
            chain, _, rule = rest.partition(" ")
            if line.startswith("*"):
                table = line[1:]
            elif line.startswith(":"):
                self.chains[table, line[1:].split()[0]] = []
            elif verb == "-A":
                self.chains[table, chain].append(rule)
            elif verb == "-I":
                self.chains[table, chain].insert(0, rule)
            elif verb == "-D":
                self.chains[table, chain].remove(rule)
            elif verb == "-X":
                assert not self.chains.pop((table, chain))
                assert not any(f"-j {chain}" in r for rules in self.chains.values() for r in rules)

    def sorted(self) -> dict[tuple[str, str], list[str]]:
        """Lines of shared chains stand in no order that matters, but for the last."""
        shared = ("KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL")
        return {at: sorted(r) if at[1] in shared else r for at, r in self.chains.items()}


@given(STEPS)
def test_iptables_changes_add_up(steps: list[Any]) -> None:
    changes, made, renderer, table = known(), Rules(), IptablesRenderer(RULING), FakeIptables()
    table.run(renderer.full(()))
    replay(
        steps,
        changes,
        lambda: table.run(renderer.change(apply_changes(made, changes.take(), changes.rules_of))),
    )
    whole = FakeIptables()
    whole.run(IptablesRenderer(RULING).full(made.in_force.values()))
    assert table.sorted() == whole.sorted()
    assert table.chains["nat", "KUBE-SERVICES"][-1].endswith("-j KUBE-NODEPORTS")
