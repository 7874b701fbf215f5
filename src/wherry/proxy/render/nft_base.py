"""The part of the nftables table that is there whatever Services exist: hooks, maps, shared chains.

The shared chains are all made with the maps they look into: nft 1.0.6 cannot add a rule on a map with
`th dport` in its type later ("conflicting protocols specified: tcp vs. th").
"""

from __future__ import annotations

from collections.abc import Iterable

from wherry.proxy.rules import Scope
from wherry.proxy.settings import Ruling

SHARED = 64
"""Services with more endpoints than this have a chain of their own."""
_PREFIX: dict[Scope, str] = {"cluster": "n", "external": "e", "balancer": "e", "node-port": "x"}
_SCOPES: tuple[Scope, ...] = ("cluster", "external", "node-port")

_TABLE = """\
table {table} {{
 map services {{ type ipv4_addr . inet_proto . inet_service : verdict; }}
 map node-ports {{ type inet_proto . inet_service : verdict; }}
 map endpoints {{
  typeof ip daddr . meta l4proto . th dport . numgen random mod 2 : ip daddr . th dport;
 }}
 map node-port-endpoints {{
  typeof meta l4proto . th dport . numgen random mod 2 : ip daddr . th dport;
 }}
 map refused-services {{ type ipv4_addr . inet_proto . inet_service : verdict; }}
 map refused-node-ports {{ type inet_proto . inet_service : verdict; }}
 set hairpin {{ type ipv4_addr . ipv4_addr; }}
 chain refuse {{
  reject
 }}
 chain services-chain {{
  ip daddr . meta l4proto . th dport vmap @services
  {node_ports} meta l4proto . th dport vmap @node-ports
 }}
 chain refused {{
  ip daddr . meta l4proto . th dport vmap @refused-services
  {node_ports} meta l4proto . th dport vmap @refused-node-ports
 }}
 chain prerouting {{
  type nat hook prerouting priority dstnat; policy accept;
  jump services-chain
 }}
 chain output {{
  type nat hook output priority -100; policy accept;
  jump services-chain
 }}
 chain postrouting {{
  type nat hook postrouting priority srcnat - 1; policy accept;
  meta mark & {mark} == {mark} meta mark set meta mark ^ {mark} masquerade fully-random
  ip saddr . ip daddr @hairpin masquerade fully-random
{egress} }}
 chain filter-input {{
  type filter hook input priority -110; policy accept;
  ct state new jump refused
 }}
 chain filter-forward {{
  type filter hook forward priority -110; policy accept;
  ct state new jump refused
 }}
 chain filter-output {{
  type filter hook output priority -110; policy accept;
  ct state new jump refused
 }}
{shared}}}
"""


def base(ruling: Ruling) -> str:
    egress = ""
    if ruling.masquerade_egress and ruling.cluster_cidr:
        cidr = ruling.cluster_cidr
        egress = f"  ip saddr {cidr} ip daddr != {cidr} masquerade fully-random\n"
    return _TABLE.format(
        table=f"ip {ruling.table}",
        mark=ruling.mark,
        egress=egress,
        node_ports=_local(ruling),
        shared="".join(_shared(ruling)),
    )


def shared_chain(scope: Scope, count: int) -> str:
    """The chain for Services with so many endpoints."""
    return f"{_PREFIX[scope]}{count}"


def mark(ruling: Ruling) -> tuple[str, ...]:
    """Marks the packet: it shall leave under this node's address, so that answers come back here."""
    return (f"meta mark set meta mark | {ruling.mark}",)


def mark_off_cluster(ruling: Ruling) -> tuple[str, ...]:
    """The same for what pods did not send, as far as the cluster's addresses are known."""
    if ruling.masquerade_all:
        return mark(ruling)
    return (f"ip saddr != {ruling.cluster_cidr} {mark(ruling)[0]}",) if ruling.cluster_cidr else ()


def _shared(ruling: Ruling) -> Iterable[str]:
    for scope in _SCOPES:
        node_port = scope == "node-port"
        where = "node-port-endpoints" if node_port else "endpoints"
        key = "meta l4proto . th dport" if node_port else "ip daddr . meta l4proto . th dport"
        marks = mark_off_cluster(ruling) if scope == "cluster" else mark(ruling)
        for count in range(1, SHARED + 1):
            drawn = f"{key} . numgen random mod {count} map @{where}"
            lines = (*marks, f"meta l4proto {{ tcp, udp, sctp }} dnat to {drawn}")
            yield f" chain {shared_chain(scope, count)} {{\n"
            yield from (f"  {line}\n" for line in lines)
            yield " }\n"


def _local(ruling: Ruling) -> str:
    """Which packets are for the node itself, so that node ports concern them."""
    words = ["fib daddr type local"]
    if ruling.node_port_addresses:
        words.append(f"ip daddr {{ {', '.join(ruling.node_port_addresses)} }}")
    if not ruling.localhost_node_ports:
        words.append("ip daddr != 127.0.0.0/8")
    return " ".join(words)
