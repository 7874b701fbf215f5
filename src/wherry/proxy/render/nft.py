"""Rules as nftables, changed element by element.

    map services   10.96.0.10 . tcp . 80 : goto n2         n2: a Service port with two endpoints
    map endpoints  10.96.0.10 . tcp . 80 . 0 : 10.244.0.5 . 8080
                   10.96.0.10 . tcp . 80 . 1 : 10.244.1.7 . 8080

All Services with k endpoints share the chain n<k> (e<k> for external addresses, x<k> for node ports),
which draws a number below k and looks the endpoint up: no chain, no anonymous map a Service, so loading
is linear and a change touches a few elements. Only what must remember or distinguish (affinity, a Local
policy, source ranges), or has very many endpoints, has chains of its own.

A rule becomes `Parts`: elements, chains and sets. Parts are counted, as rules share some; a change of
rules is the difference of their parts, written in an order that one transaction can take. What the
kernel has is never read back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from wherry.proxy.render.counted import Differences, counted
from wherry.proxy.render.nft_base import SHARED, base, mark, mark_off_cluster, shared_chain
from wherry.proxy.rules import Change, Match, Rule
from wherry.proxy.settings import Ruling
from wherry.proxy.topology import Backend

Element: TypeAlias = tuple[str, str]
"""(map or set, key)."""


@dataclass(slots=True)
class Parts:
    """`elements` to their value ("" in sets); chains to their lines; sets to their declaration."""

    elements: dict[Element, str] = field(default_factory=dict)
    chains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)


def parts_of(rule: Rule, ruling: Ruling) -> Parts:
    """What one rule puts into the table."""
    parts = Parts()
    verdicts, key = _place(rule.match)
    if rule.refuse:
        parts.elements[f"refused-{verdicts}", key] = "drop" if rule.refuse == "drop" else "goto refuse"
        return parts
    for ip, _ in (*rule.backends, *(rule.local or ())):
        parts.elements["hairpin", f"{ip} . {ip}"] = ""
    count = len(rule.backends)
    if rule.affinity or rule.local is not None or rule.sources or count > SHARED:
        parts.elements[verdicts, key] = f"goto {_own_chains(rule, ruling, parts)}"
        return parts
    parts.elements[verdicts, key] = f"goto {shared_chain(rule.scope, count)}"
    for index, (ip, port) in enumerate(rule.backends):
        where = "endpoints" if rule.match.address else "node-port-endpoints"
        parts.elements[where, f"{key} . {index}"] = f"{ip} . {port}"
    return parts


def _place(match: Match) -> tuple[str, str]:
    if match.address:
        return "services", f"{match.address} . {match.protocol} . {match.port}"
    return "node-ports", f"{match.protocol} . {match.port}"


def _own_chains(rule: Rule, ruling: Ruling, parts: Parts) -> str:
    """Chains for a rule that shares none; the name of the one to enter."""
    ident = _hash(rule.name, rule.match.protocol)
    comment = f'comment "{rule.name}"'
    inside = rule.scope == "cluster"
    kind = "lbl" if inside and rule.own_only else "lb"
    balance = _balance(f"{kind}-{ident}", rule, rule.backends, parts)
    if inside:
        name = f"svc-{ident}"
        parts.chains[name] = (*mark_off_cluster(ruling), f"goto {balance} {comment}")
        return name
    name = f"ext-{ident}"
    if rule.local is None:
        parts.chains[name] = (*mark(ruling), f"goto {balance} {comment}")
    else:
        lines = [f"ip saddr {ruling.cluster_cidr} goto {balance}"] if ruling.cluster_cidr else []
        lines += [f"fib saddr type local {mark(ruling)[0]}", f"fib saddr type local goto {balance}"]
        if rule.local:
            lines.append(f"goto {_balance(f'lbl-{ident}', rule, rule.local, parts)} {comment}")
        else:
            lines.append(f"drop {comment}")
        parts.chains[name] = tuple(lines)
    if not rule.sources:
        return name
    guard = f"fw-{ident}"
    parts.chains[guard] = (f"ip saddr != {{ {', '.join(rule.sources)} }} drop", f"goto {name}")
    return guard


def _balance(chain: str, rule: Rule, backends: tuple[Backend, ...], parts: Parts) -> str:
    """A chain that spreads over endpoints, remembering clients when there is affinity."""
    protocol = rule.match.protocol
    if not rule.affinity:
        places = ", ".join(f"{i} : {ip} . {port}" for i, (ip, port) in enumerate(backends))
        drawn = f"numgen random mod {len(backends)} map {{ {places} }}"
        parts.chains[chain] = (f"meta l4proto {protocol} dnat to {drawn}",)
        return chain
    known, places_ = [], []
    for index, (ip, port) in enumerate(backends):
        # The timeout is in the name: a set cannot change it while chains look into the set.
        ident = _hash(rule.name, protocol, f"{ip}:{port}", str(rule.affinity))
        seen, to = f"aff-{ident}", f"ep-{ident}"
        parts.sets[seen] = f"{{ type ipv4_addr; flags dynamic,timeout; timeout {rule.affinity}s; }}"
        parts.chains[to] = (
            f"update @{seen} {{ ip saddr }}",
            f"meta l4proto {protocol} dnat to {ip}:{port}",
        )
        known.append(f"ip saddr @{seen} goto {to}")
        places_.append(f"{index} : goto {to}")
    parts.chains[chain] = (*known, f"numgen random mod {len(backends)} vmap {{ {', '.join(places_)} }}")
    return chain


def _hash(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:10]


@dataclass(slots=True)
class NftRenderer:
    """Remembers what the table has, so that each change is written as its difference.

    After a transaction failed, or somebody else touched the table, `full` writes everything anew.
    """

    ruling: Ruling
    _elements: dict[Element, tuple[str, int]] = field(default_factory=dict)
    _chains: dict[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    _sets: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def table(self) -> str:
        return f"ip {self.ruling.table}"

    def full(self, rules: Iterable[Rule]) -> str:
        """One transaction that replaces the whole table."""
        self._elements, self._chains, self._sets = {}, {}, {}
        change = self.change({rule.match: (None, rule) for rule in rules})
        return f"add table {self.table}\ndelete table {self.table}\n{base(self.ruling)}{change}"

    def clean(self) -> str:
        """Removes the table and with it everything of ours."""
        self._elements, self._chains, self._sets = {}, {}, {}
        return f"add table {self.table}\ndelete table {self.table}\n"

    def change(self, changes: Mapping[Match, Change]) -> str:
        """The transaction for changed rules; empty when nothing is to be done."""
        old = [parts_of(before, self.ruling) for before, _ in changes.values() if before is not None]
        new = [parts_of(after, self.ruling) for _, after in changes.values() if after is not None]
        elements = counted(self._elements, [p.elements for p in old], [p.elements for p in new])
        chains = counted(self._chains, [p.chains for p in old], [p.chains for p in new])
        sets = counted(self._sets, [p.sets for p in old], [p.sets for p in new])
        return "".join(f"{line}\n" for line in self._lines(elements, chains, sets))

    def _lines(
        self,
        elements: Differences[Element, str],
        chains: Differences[str, tuple[str, ...]],
        sets: Differences[str, str],
    ) -> Iterable[str]:
        table = self.table
        for name, declaration in sets.come.items():
            yield f"add set {table} {name} {declaration}"
        for name in chains.come:
            if name not in chains.gone:
                yield f"add chain {table} {name}"
        yield from _per_container("delete", table, elements.gone)
        for name in chains.gone:
            yield f"flush chain {table} {name}"
        for name in sets.gone:
            yield f"delete set {table} {name}"
        for name, lines in chains.come.items():
            for line in lines:
                yield f"add rule {table} {name} {line}"
        yield from _per_container("add", table, elements.come)
        for name in chains.gone:
            if name not in chains.come:
                yield f"delete chain {table} {name}"


def _per_container(verb: str, table: str, elements: Mapping[Element, str]) -> Iterable[str]:
    """One command a map or set, with all its elements."""
    grouped: dict[str, list[str]] = {}
    for (container, key), value in elements.items():
        grouped.setdefault(container, []).append(f"{key} : {value}" if value else key)
    for container, texts in grouped.items():
        yield f"{verb} element {table} {container} {{ {', '.join(texts)} }}"
