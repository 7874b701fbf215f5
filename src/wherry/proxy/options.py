"""kube-proxy's command line: upstream's flags as data, `settings`, and `serve`."""

from __future__ import annotations

import ipaddress
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wherry.component import Env
from wherry.component_flags import Flag, UsageError
from wherry.proxy.config import configured
from wherry.proxy.settings import Mode, ProxySettings, Ruling

_MAX_CONFIG = 1 << 20
_MODES: dict[str, Mode] = {"": "nftables", "nftables": "nftables", "iptables": "iptables"}

FLAGS: tuple[Flag, ...] = (
    Flag("--kubeconfig", help="path to a kubeconfig file with authorization and master location"),
    Flag("--config", help="path to a KubeProxyConfiguration file"),
    Flag("--proxy-mode", help="nftables (default) or iptables"),
    Flag("--cluster-cidr", help="addresses of pods; what others send to a Service is masqueraded"),
    Flag("--hostname-override", help="name of this node, instead of the host's"),
    Flag("--healthz-bind-address", default="0.0.0.0:10256", help="where to serve /healthz; empty: not"),
    Flag("--metrics-bind-address", default="127.0.0.1:10249", help="where to serve metrics", effect=False),
    Flag("--masquerade-all", "bool", help="masquerade all traffic to Services"),
    Flag("--nodeport-addresses", "strings", help="CIDRs of addresses that node ports are served on"),
    Flag("--iptables-masquerade-bit", "int", 14, "bit of the packet mark that means masquerade"),
    Flag("--iptables-localhost-nodeports", "bool", True, "serve node ports on 127.0.0.1 too"),
    Flag("--iptables-min-sync-period", "duration", 1.0, "at least so long between writes (iptables)"),
    Flag("--iptables-sync-period", "duration", 30.0, "how often to check the rules (iptables)"),
    Flag("--nftables-min-sync-period", "duration", 0.1, "at least so long between writes (nftables)"),
    Flag("--nftables-sync-period", "duration", 30.0, "how often to check the rules (nftables)"),
    Flag("--table-name", default="kube-proxy", help="nftables table of this cluster's rules (wherry)"),
    Flag("--chain-suffix", help="end of iptables chain names of this cluster, at most 6 characters (wherry)"),
    Flag("--masquerade-egress", "bool", help="masquerade pods' traffic out of the cluster (wherry)"),
    Flag("--cleanup", "bool", help="remove this proxy's rules and exit"),
    Flag("--v", "int", 0, "log verbosity", short="-v"),
    Flag("--master", help="address of the API server", effect=False),
    Flag("--bind-address", default="0.0.0.0", help="overrides the node's primary address", effect=False),
    Flag("--bind-address-hard-fail", "bool", help="a port in use is fatal", effect=False),
    Flag("--config-sync-period", "duration", 900.0, "how often to relist", effect=False),
    Flag("--conntrack-max-per-core", "int", 32768, "flows a core", effect=False),
    Flag("--conntrack-min", "int", 131072, "least flows", effect=False),
    Flag("--conntrack-tcp-timeout-established", "duration", 86400.0, "idle TCP flows", effect=False),
    Flag("--conntrack-tcp-timeout-close-wait", "duration", 3600.0, "closing TCP flows", effect=False),
    Flag("--conntrack-tcp-be-liberal", "bool", help="liberal TCP windows", effect=False),
    Flag("--conntrack-udp-timeout", "duration", 0.0, "idle UDP flows", effect=False),
    Flag("--conntrack-udp-timeout-stream", "duration", 0.0, "idle UDP streams", effect=False),
    Flag("--detect-local-mode", default="ClusterCIDR", help="how pods are told apart", effect=False),
    Flag("--feature-gates", "map", help="feature switches", effect=False),
    Flag("--init-only", "bool", help="set up and exit", effect=False),
    Flag("--kube-api-qps", "float", 5.0, "requests a second to the API server", effect=False),
    Flag("--kube-api-burst", "int", 10, "requests in a burst", effect=False),
    Flag("--kube-api-content-type", help="content type of requests", effect=False),
    Flag("--logging-format", default="text", help="log format", effect=False),
    Flag("--log-flush-frequency", "duration", 5.0, "how often logs are flushed", effect=False),
    Flag("--oom-score-adj", "int", -999, "of this process", effect=False),
    Flag("--pod-bridge-interface", help="bridge of the pods", effect=False),
    Flag("--pod-interface-name-prefix", help="interfaces of the pods", effect=False),
    Flag("--profiling", "bool", help="serve profiles", effect=False),
    Flag("--proxy-port-range", help="unused upstream too", effect=False),
    Flag("--show-hidden-metrics-for-version", help="hidden metrics", effect=False),
    Flag("--vmodule", help="verbosity by file", effect=False),
    Flag("--write-config-to", help="write the defaults and exit", effect=False),
)


def settings(flags: dict[str, Any]) -> ProxySettings:
    """Settings from parsed flags; with `--config`, the file wins, as upstream has it, except over the
    name of the node."""
    if flags["config"]:
        flags = flags | configured(_read(flags["config"]))
    mode = _MODES.get(flags["proxy_mode"])
    if mode is None:
        raise UsageError(
            f'--proxy-mode: Unsupported value: "{flags["proxy_mode"]}": supported values: iptables, nftables'
        )
    return ProxySettings(
        node=flags["hostname_override"] or os.uname().nodename.lower(),
        mode=mode,
        ruling=_ruling(flags),
        min_sync=flags[f"{mode}_min_sync_period"],
        sync_period=flags[f"{mode}_sync_period"],
        healthz=_address(flags["healthz_bind_address"]),
        kubeconfig=flags["kubeconfig"],
    )


def _ruling(flags: dict[str, Any]) -> Ruling:
    bit = flags["iptables_masquerade_bit"]
    if not 0 <= bit <= 31:
        raise UsageError(f"--iptables-masquerade-bit: {bit} is not within the range [0, 31]")
    # Two-family lists are accepted; the rules are those of IPv4.
    cidrs = [_cidr("--cluster-cidr", c) for c in flags["cluster_cidr"].split(",") if c]
    return Ruling(
        cluster_cidr=next((c for c in cidrs if ":" not in c), ""),
        masquerade_all=flags["masquerade_all"],
        masquerade_bit=bit,
        masquerade_egress=flags["masquerade_egress"],
        node_port_addresses=tuple(
            c
            for c in (_cidr("--nodeport-addresses", a) for a in flags["nodeport_addresses"] if a != "primary")
            if ":" not in c
        ),
        localhost_node_ports=flags["iptables_localhost_nodeports"],
        table=_word("--table-name", flags["table_name"], r"[a-zA-Z][a-zA-Z0-9_-]{0,30}"),
        suffix=_word("--chain-suffix", flags["chain_suffix"], r"[a-z0-9]{0,6}"),
    )


def _cidr(flag: str, text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError as error:
        raise UsageError(f"{flag}: invalid CIDR address: {text}") from error


def _word(flag: str, text: str, form: str) -> str:
    if not re.fullmatch(form, text):
        raise UsageError(f"{flag}: {text!r} must match {form}")
    return text


def _address(text: str) -> str:
    if not text:
        return ""
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, "10256"
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--healthz-bind-address: must be IP:port: {text}")
    return "" if port == "0" else f"{host}:{port}"


def _read(path: str) -> str:
    try:
        if Path(path).stat().st_size > _MAX_CONFIG:
            raise UsageError(f"--config: {path} is larger than {_MAX_CONFIG} bytes")
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--config: {error}") from error


async def serve(flags: dict[str, Any], ready: Callable[[], None]) -> None:
    """Runs the proxy until cancelled, or with `--cleanup` removes its rules and returns."""
    from wherry.client.connect import client_from_kubeconfig
    from wherry.client.kubeconfig import KubeconfigError
    from wherry.proxy.proxy import Proxy, cleanup

    chosen = settings(flags)
    if flags["cleanup"]:
        await cleanup(chosen)
        return
    if not chosen.kubeconfig:
        raise UsageError("--kubeconfig is needed")
    env = Env(rng=random.Random(int.from_bytes(os.urandom(16), "big")))
    try:
        client = client_from_kubeconfig(chosen.kubeconfig, user_agent="kube-proxy")
    except KubeconfigError as error:
        raise UsageError(f"--kubeconfig: {error}") from error
    await Proxy(client, env, chosen).run(ready)
