"""KubeProxyConfiguration: what it says, as the values of the flags it stands for."""

from __future__ import annotations

from typing import Any

from wherry.component_flags import UsageError, duration

_GROUP = "kubeproxy.config.k8s.io/"
_KIND = "KubeProxyConfiguration"

# Path in the file -> (flag, how it is read). Durations come as Go writes them.
_FIELDS: dict[str, tuple[str, type]] = {
    "mode": ("proxy_mode", str),
    "clusterCIDR": ("cluster_cidr", str),
    "hostnameOverride": ("hostname_override", str),
    "healthzBindAddress": ("healthz_bind_address", str),
    "nodePortAddresses": ("nodeport_addresses", list),
    "clientConnection.kubeconfig": ("kubeconfig", str),
    "iptables.masqueradeAll": ("masquerade_all", bool),
    "iptables.masqueradeBit": ("iptables_masquerade_bit", int),
    "iptables.localhostNodePorts": ("iptables_localhost_nodeports", bool),
    "iptables.minSyncPeriod": ("iptables_min_sync_period", float),
    "iptables.syncPeriod": ("iptables_sync_period", float),
    "nftables.masqueradeAll": ("masquerade_all", bool),
    "nftables.masqueradeBit": ("iptables_masquerade_bit", int),
    "nftables.minSyncPeriod": ("nftables_min_sync_period", float),
    "nftables.syncPeriod": ("nftables_sync_period", float),
}


def configured(text: str) -> dict[str, Any]:
    """Flag values a configuration file (YAML or JSON) sets; UsageError when it is none."""
    import yaml

    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"couldn't parse the proxy configuration: {error}") from error
    if not isinstance(config, dict):
        raise UsageError("the proxy configuration is not an object")
    version, kind = str(config.get("apiVersion", "")), config.get("kind")
    if not version.startswith(_GROUP) or kind != _KIND:
        raise UsageError(f'no kind "{kind}" is registered for version "{version}"')
    values: dict[str, Any] = {}
    for path, (flag, form) in _FIELDS.items():
        value = _at(config, path)
        # Go writes every field: empty strings, empty lists and 0s mean the default.
        if value not in (None, "", [], "0s"):
            values[flag] = _read(path, value, form)
    return values


def _at(config: dict[str, Any], path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise UsageError(f"{path}: expected an object")
        value = value.get(name)
    return value


def _read(path: str, value: Any, form: type) -> Any:
    if form is float:
        try:
            return duration(str(value))
        except ValueError as error:
            raise UsageError(f"{path}: {error}") from error
    if not isinstance(value, form) or (form is int and isinstance(value, bool)):
        raise UsageError(f"{path}: expected {form.__name__}, not {value!r}")
    return tuple(map(str, value)) if isinstance(value, list) else value
