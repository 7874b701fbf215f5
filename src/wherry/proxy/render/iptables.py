"""Rules as iptables, in upstream's chains, changed by `iptables-restore --noflush`.

    KUBE-SERVICES --10.96.0.10:80--> KUBE-SVC-X --1/2--> KUBE-SEP-A  DNAT 10.244.0.5:8080
                                                --else-> KUBE-SEP-B  DNAT 10.244.1.7:8080
    KUBE-NODEPORTS --30080--> KUBE-EXT-X (marks for masquerading) --> KUBE-SVC-X

Names are upstream's: KUBE-SVC-, KUBE-SEP-, KUBE-EXT-, KUBE-SVL-, KUBE-FW- and the first 16 characters of
a base32 SHA-256. A rule becomes `Parts`: chains of its own, and lines in shared chains. As in the
nftables renderer, parts are counted and a change is their difference.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from wherry.proxy.render.counted import Differences, counted
from wherry.proxy.render.iptables_base import Names, base
from wherry.proxy.rules import Change, Match, Rule
from wherry.proxy.settings import Ruling
from wherry.proxy.topology import Backend

_HASH = 16


class Line(NamedTuple):
    """A rule in a chain that others write to as well."""

    table: str
    chain: str
    text: str


@dataclass(slots=True)
class Parts:
    chains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lines: dict[Line, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes one rule's parts."""

    rule: Rule
    ruling: Ruling
    names: Names
    parts: Parts

    def write(self) -> None:
        rule = self.rule
        if rule.refuse:
            self._refuse()
            return
        comment = f'-m comment --comment "{rule.name}'
        if rule.scope == "cluster":
            chain = self._balance("SVL" if rule.own_only else "SVC", rule.backends)
            where, comment = self.names.services, f'{comment} cluster IP"'
        else:
            chain = self._external()
            kind = {"external": " external IP", "balancer": " loadbalancer IP"}.get(rule.scope, "")
            where = self.names.services if rule.match.address else self.names.node_ports
            comment = f'{comment}{kind}"'
        self._line("nat", where, f"{comment} {_to(rule.match)} -j {chain}")

    def _refuse(self) -> None:
        rule, names = self.rule, self.names
        how = "DROP" if rule.refuse == "drop" else "REJECT"
        why = "no local endpoints" if rule.refuse == "drop" else "no endpoints"
        where = names.services if rule.scope == "cluster" else names.external
        at = "" if rule.match.address else "-m addrtype --dst-type LOCAL "
        text = f'-m comment --comment "{rule.name} has {why}" {at}{_to(rule.match)} -j {how}'
        self._line("filter", where, text)

    def _external(self) -> str:
        """The chain for traffic from outside."""
        rule = self.rule
        chain = self._chain("EXT")
        everywhere = self._balance("SVC", rule.backends)
        what = f"{rule.name} external destinations"
        if rule.local is None:
            self.parts.chains[chain] = (
                f'-m comment --comment "masquerade traffic for {what}" -j {self.names.mark}',
                f"-j {everywhere}",
            )
        else:
            self.parts.chains[chain] = tuple(self._local_lines(rule.local, everywhere, what))
        return self._guard(chain) if rule.sources else chain

    def _local_lines(self, local: tuple[Backend, ...], everywhere: str, what: str) -> Iterable[str]:
        """Under a Local policy pods and the node itself reach everything, others what is here."""
        here = "-m addrtype --src-type LOCAL"
        if self.ruling.cluster_cidr:
            words = f'-m comment --comment "pod traffic for {what}"'
            yield f"{words} -s {self.ruling.cluster_cidr} -j {everywhere}"
        yield f'-m comment --comment "masquerade LOCAL traffic for {what}" {here} -j {self.names.mark}'
        yield f'-m comment --comment "route LOCAL traffic for {what}" {here} -j {everywhere}'
        if local:
            yield f"-j {self._balance('SVL', local)}"
            return
        at = "" if self.rule.match.address else "-m addrtype --dst-type LOCAL "
        text = f'-m comment --comment "{self.rule.name} has no local endpoints" {at}{_to(self.rule.match)}'
        self._line("filter", self.names.external, f"{text} -j DROP")

    def _guard(self, chain: str) -> str:
        """Lets only the balancer's source ranges through."""
        rule, guard = self.rule, self._chain("FW")
        words = f'-m comment --comment "{rule.name} loadbalancer IP"'
        self.parts.chains[guard] = tuple(f"{words} -s {source} -j {chain}" for source in rule.sources)
        denied = f'-m comment --comment "{rule.name} traffic not accepted by {guard}"'
        self._line("filter", self.names.firewall, f"{denied} {_to(rule.match)} -j DROP")
        return guard

    def _balance(self, kind: str, backends: tuple[Backend, ...]) -> str:
        """The chain that draws one of the endpoints."""
        rule, chain = self.rule, self._chain(kind)
        lines = [*self._mark_off_cluster(kind)]
        ends = [self._endpoint(backend) for backend in backends]
        if rule.affinity:
            for end, (ip, port) in zip(ends, backends, strict=True):
                words = f'-m comment --comment "{rule.name} -> {ip}:{port}"'
                seen = f"-m recent --name {end} --rcheck --seconds {rule.affinity} --reap"
                lines.append(f"{words} {seen} -j {end}")
        for index, (end, (ip, port)) in enumerate(zip(ends, backends, strict=True)):
            words = f'-m comment --comment "{rule.name} -> {ip}:{port}"'
            left = len(ends) - index
            drawn = f"-m statistic --mode random --probability {1 / left:.10f} " if left > 1 else ""
            lines.append(f"{words} {drawn}-j {end}")
        self.parts.chains[chain] = tuple(lines)
        return chain

    def _mark_off_cluster(self, kind: str) -> Iterable[str]:
        """Traffic to the cluster IP that pods did not send must come back through this node."""
        if kind == "SVL" and not self.rule.own_only:
            return
        words = f'-m comment --comment "{self.rule.name} cluster IP" {_to(self.rule.portal)}'
        if self.ruling.masquerade_all:
            yield f"{words} -j {self.names.mark}"
        elif self.ruling.cluster_cidr:
            yield f"{words} ! -s {self.ruling.cluster_cidr} -j {self.names.mark}"

    def _endpoint(self, backend: Backend) -> str:
        rule, (ip, port) = self.rule, backend
        chain = self._chain("SEP", f"{ip}:{port}")
        words, protocol = f'-m comment --comment "{rule.name}"', rule.match.protocol
        lines = [f"{words} -s {ip}/32 -j {self.names.mark}"]
        seen = f"-m recent --name {chain} --set " if rule.affinity else ""
        lines.append(f"{words} {seen}-m {protocol} -p {protocol} -j DNAT --to-destination {ip}:{port}")
        self.parts.chains[chain] = tuple(lines)
        return chain

    def _chain(self, kind: str, more: str = "") -> str:
        return chain_name(kind, self.rule.name, self.rule.match.protocol, more, self.ruling.suffix)

    def _line(self, table: str, chain: str, text: str) -> None:
        self.parts.lines[Line(table, chain, text)] = text


def chain_name(kind: str, name: str, protocol: str, more: str = "", suffix: str = "") -> str:
    """Upstream's name of a chain; a suffix, when there is one, takes the place of the hash's end."""
    digest = base64.b32encode(hashlib.sha256(f"{name}{protocol}{more}".encode()).digest()).decode()
    return f"KUBE-{kind}-{digest[: _HASH - len(suffix)]}{suffix}"


def own_chain(suffix: str) -> re.Pattern[str]:
    """Names of chains that a proxy with this suffix may have made for Services."""
    return re.compile(rf"KUBE-(SVC|SEP|EXT|SVL|FW)-[A-Z2-7]{{{_HASH - len(suffix)}}}{re.escape(suffix)}")


def _to(match: Match) -> str:
    address = f" -d {match.address}/32" if match.address else ""
    return f"-m {match.protocol} -p {match.protocol}{address} --dport {match.port}"


def parts_of(rule: Rule, ruling: Ruling) -> Parts:
    parts = Parts()
    _Writer(rule, ruling, Names(ruling.suffix), parts).write()
    return parts


@dataclass(slots=True)
class IptablesRenderer:
    ruling: Ruling
    _chains: dict[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    _lines: dict[Line, tuple[str, int]] = field(default_factory=dict)

    def full(self, rules: Iterable[Rule], existing: Iterable[str] = ()) -> str:
        """Everything anew. `existing` are chains of the nat table: those of ours nobody needs go."""
        self._chains, self._lines = {}, {}
        chains, lines = self._differences({rule.match: (None, rule) for rule in rules})
        ours = own_chain(self.ruling.suffix)
        gone: dict[str, tuple[str, ...]] = {name: () for name in existing if ours.fullmatch(name)}
        changed = Differences(gone, chains.come)
        return _text(changed, lines, base(Names(self.ruling.suffix), self.ruling))

    def change(self, changes: Mapping[Match, Change]) -> str:
        """The text for changed rules; empty when nothing is to be done."""
        chains, lines = self._differences(changes)
        if not (chains.gone or chains.come or lines.gone or lines.come):
            return ""
        return _text(chains, lines, {"filter": ([], []), "nat": ([], [])})

    def _differences(
        self, changes: Mapping[Match, Change]
    ) -> tuple[Differences[str, tuple[str, ...]], Differences[Line, str]]:
        old = [parts_of(before, self.ruling) for before, _ in changes.values() if before is not None]
        new = [parts_of(after, self.ruling) for _, after in changes.values() if after is not None]
        return (
            counted(self._chains, [p.chains for p in old], [p.chains for p in new]),
            counted(self._lines, [p.lines for p in old], [p.lines for p in new]),
        )


def _text(
    chains: Differences[str, tuple[str, ...]],
    lines: Differences[Line, str],
    shared: Mapping[str, tuple[list[str], list[str]]],
) -> str:
    """`shared`: by table, chains to declare (and so to empty) and the lines that always stand there."""
    out: list[str] = []
    for table, (declared, standing) in shared.items():
        body = [f"-D {line.chain} {line.text}" for line in lines.gone if line.table == table]
        body += standing
        # Inserted, not appended: the jump to the node ports stays the last rule of its chain.
        body += [f"-I {line.chain} {line.text}" for line in lines.come if line.table == table]
        if table == "nat":
            declared = [*declared, *dict.fromkeys((*chains.gone, *chains.come))]
            body += [f"-A {name} {text}" for name, texts in chains.come.items() for text in texts]
            body += [f"-X {name}" for name in chains.gone if name not in chains.come]
        if body or declared:
            out += [f"*{table}", *(f":{name} - [0:0]" for name in declared), *body, "COMMIT"]
    return "".join(f"{line}\n" for line in out)
