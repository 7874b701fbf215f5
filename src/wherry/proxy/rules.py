"""What is to happen to packets, as data: from Services and endpoints to one `Rule` per address and port.

    web (10.96.0.10:80, node port 30080, two endpoints) gives
      ("10.96.0.10", "tcp", 80)    -> to 10.244.0.5:8080 or 10.244.1.7:8080
      ("",           "tcp", 30080) -> the same, from outside ("" is any address of this node)

Pure: (state, what changed) -> new rules. `Rules.update` of one Service after the other gives the same
as all at once. The renderers turn rules into nftables or iptables; they decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from wherry.proxy.services import Endpoint, Port
from wherry.proxy.topology import Backend, Reach, reach

Refusal: TypeAlias = Literal["", "reject", "drop"]
Scope: TypeAlias = Literal["cluster", "external", "balancer", "node-port"]


class Match(NamedTuple):
    """Where a packet goes to. `address` is empty for node ports: any address of the node."""

    address: str
    protocol: str
    port: int


@dataclass(frozen=True, slots=True)
class Rule:
    """`portal` is the cluster IP's match. `local`: under externalTrafficPolicy Local, where traffic from
    outside may go; traffic from pods and from the node itself goes to `backends`, as always. `own_only`:
    under internalTrafficPolicy Local a cluster IP's `backends` are this node's (said in all rules of the
    port). `affinity`: seconds, 0 for none. `refuse` says what becomes of a packet when there is no
    backend for it at all."""

    name: str
    match: Match
    scope: Scope
    portal: Match
    backends: tuple[Backend, ...]
    local: tuple[Backend, ...] | None = None
    own_only: bool = False
    affinity: int = 0
    sources: tuple[str, ...] = ()
    refuse: Refusal = ""


Change: TypeAlias = tuple[Rule | None, Rule | None]
"""(before, after) of one match."""


def compile_port(port: Port, endpoints: Sequence[Endpoint]) -> list[Rule]:
    """The rules of one port of a Service."""
    to = reach(port, endpoints)
    portal = Match(port.cluster_ip, port.protocol, port.port)
    found = [
        Rule(
            port.name,
            portal,
            "cluster",
            portal,
            to.internal,
            own_only=port.internal_local,
            affinity=port.affinity,
            refuse="" if to.internal else "drop" if to.everywhere else "reject",
        )
    ]
    outside: list[tuple[Scope, str, int]] = [
        *(("external", address, port.port) for address in port.external_ips),
        *(("balancer", address, port.port) for address in port.balancer_ips),
    ]
    if port.node_port:
        outside.append(("node-port", "", port.node_port))
    found += [_outside(port, to, Match(ip, port.protocol, number), scope) for scope, ip, number in outside]
    return found


def _outside(port: Port, to: Reach, match: Match, scope: Scope) -> Rule:
    return Rule(
        port.name,
        match,
        scope,
        Match(port.cluster_ip, port.protocol, port.port),
        to.everywhere,
        to.local,
        own_only=port.internal_local,
        affinity=port.affinity,
        sources=port.sources if scope == "balancer" else (),
        refuse="" if to.everywhere else "reject",
    )


@dataclass(slots=True)
class Rules:
    """All rules in force. Two Services that claim one match: the one whose key sorts first has it."""

    in_force: dict[Match, Rule] = field(default_factory=dict)
    _claims: dict[Match, dict[str, Rule]] = field(default_factory=dict)
    _matches: dict[str, tuple[Match, ...]] = field(default_factory=dict)

    def update(self, service: str, rules: Iterable[Rule]) -> dict[Match, Change]:
        """Replaces the rules of one Service (none: it is gone). What changed, by match."""
        wanted: dict[Match, Rule] = {}
        for rule in rules:
            wanted.setdefault(rule.match, rule)
        touched = dict.fromkeys((*self._matches.get(service, ()), *wanted))
        for match in touched:
            claims = self._claims.setdefault(match, {})
            claims.pop(service, None)
            if match in wanted:
                claims[service] = wanted[match]
            if not claims:
                del self._claims[match]
        if wanted:
            self._matches[service] = tuple(wanted)
        else:
            self._matches.pop(service, None)
        changes: dict[Match, Change] = {}
        for match in touched:
            before, after = self.in_force.get(match), self._winner(match)
            if before == after:
                continue
            changes[match] = (before, after)
            if after is None:
                del self.in_force[match]
            else:
                self.in_force[match] = after
        return changes

    def _winner(self, match: Match) -> Rule | None:
        claims = self._claims.get(match)
        return claims[min(claims)] if claims else None


Compile: TypeAlias = Callable[[str], Iterable[Rule]]


def apply_changes(rules: Rules, services: Iterable[str], compile_: Compile) -> dict[Match, Change]:
    """Recompiles the named Services and says what that changed; what came back to itself is left out."""
    total: dict[Match, Change] = {}
    for service in services:
        for match, (before, after) in rules.update(service, compile_(service)).items():
            first = total[match][0] if match in total else before
            total[match] = (first, after)
    return {match: change for match, change in total.items() if change[0] != change[1]}
