"""What one cluster is: its name, where its data lies, its ports and address ranges.

Decided once, when the cluster is made, and kept in `DATA_DIR/cluster.json`; `up` on existing data
reads them back. Clusters on one machine keep apart by their slot: slot 1's ports and ranges are slot
0's shifted, and a port in use moves on.

The index (`BASE/index/NAME -> DATA_DIR`) is how `--name` finds a cluster wherever its data is.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from wherry.component_flags import UsageError

DEFAULT_NAME = "wherry"
CLUSTER_DOMAIN = "cluster.local"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
MAX_SLOTS = 100
MAX_NODES = 5000
MAX_ROOT_BYTES = 107 - len("/run/containerd.sock")
"""The kernel allows 107 bytes for a socket's path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    apiserver: int
    kubelet: int
    kubelet_health: int
    dns: int
    proxy_health: int
    controller_manager: int
    scheduler: int


_FIELDS = tuple(Ports.__dataclass_fields__)
_FIRST = Ports(
    apiserver=6443,
    kubelet=10250,
    kubelet_health=10248,
    dns=10053,
    proxy_health=10256,
    controller_manager=10257,
    scheduler=10259,
)
_STEP = Ports(
    apiserver=1,
    kubelet=100,
    kubelet_health=100,
    dns=100,
    proxy_health=100,
    controller_manager=100,
    scheduler=100,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """`nodes` counts simulated nodes; a real cluster has the one node that the machine is."""

    name: str
    slot: int
    simulated: bool
    nodes: int
    node_name: str
    node_ip: str
    pod_cidr: str
    service_cidr: str
    ports: Ports

    @property
    def context(self) -> str:
        """Of the kubeconfig: `wherry` for the default cluster's, `wherry-NAME` for the others'."""
        return self.name if self.name == DEFAULT_NAME else f"wherry-{self.name}"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.ports.apiserver}"

    @property
    def kubernetes_ip(self) -> str:
        return _host(self.service_cidr, 1)

    @property
    def dns_ip(self) -> str:
        return _host(self.service_cidr, 10)

    @property
    def node_pod_cidr(self) -> str:
        """The real node's share of the pods' range: the first /24. The kubelet registers with it, so that
        node IPAM and the CNI configuration agree."""
        return self.pod_cidr.replace(".0.0/16", ".0.0/24")

    @property
    def bridge(self) -> str:
        """The pods' network interface on the host; names are 15 bytes at most."""
        return f"wherry{self.slot}"

    @property
    def cgroup(self) -> str:
        return f"wherry-{self.name}"

    @property
    def nft_table(self) -> str:
        return f"wherry-{self.name}-proxy"


def _host(cidr: str, number: int) -> str:
    a, b, c, d = (int(part) for part in cidr.split("/")[0].split("."))
    return f"{a}.{b}.{c}.{d + number}"


@dataclass(frozen=True, slots=True)
class Paths:
    """Where things lie under a cluster's data directory."""

    root: Path

    @property
    def settings(self) -> Path:
        return self.root / "cluster.json"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Sockets, status and lock of what runs now."""
        return self.root / "run"

    @property
    def kubelet(self) -> Path:
        return self.root / "kubelet"

    @property
    def containerd(self) -> Path:
        return self.root / "containerd"

    @property
    def containerd_socket(self) -> Path:
        return self.run / "containerd.sock"

    @property
    def manifests(self) -> Path:
        """Static pods."""
        return self.root / "manifests"

    def kubeconfig(self, who: str) -> Path:
        return self.root / "kubeconfigs" / f"{who}.conf"


def base_dir() -> Path:
    """Where clusters live by default: WHERRY_HOME, /var/lib/wherry for root, else the user's state."""
    if home := os.environ.get("WHERRY_HOME"):
        return Path(home)
    if os.geteuid() == 0:
        return Path("/var/lib/wherry")
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(state) / "wherry"


def check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f'cluster name "{name}" is not valid: lower case letters, digits and "-", at most 40, '
            "starting and ending with a letter or digit"
        )
    return name


def find(name: str) -> Path | None:
    """The data directory of a known cluster."""
    link = base_dir() / "index" / check_name(name)
    return link.resolve() if link.is_symlink() and link.exists() else None


def known() -> dict[str, Path]:
    """Every cluster of this user or machine, by name."""
    index = base_dir() / "index"
    if not index.is_dir():
        return {}
    return {link.name: link.resolve() for link in sorted(index.iterdir()) if link.exists()}


def load(paths: Paths) -> ClusterSettings | None:
    try:
        data = paths.settings.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"cannot read the data directory {paths.root}: {error.strerror}") from error
    try:
        return msgspec.json.decode(data, type=ClusterSettings)
    except msgspec.DecodeError as error:
        raise UsageError(f"{paths.settings} is damaged: {error}") from error


def claim(paths: Paths, name: str) -> None:
    """Makes the data directory. UsageError when it cannot be used, or when the name belongs to a cluster
    elsewhere."""
    if len(os.fsencode(paths.root)) > MAX_ROOT_BYTES:
        raise UsageError(
            f"the data directory's path is too long for sockets in it ({MAX_ROOT_BYTES} bytes at most): "
            f"{paths.root}; choose another with --data-dir"
        )
    other = find(name)
    if other is not None and other != paths.root and (other / paths.settings.name).exists():
        raise UsageError(
            f'a cluster with the name "{name}" exists already, in {other}; choose another name with --name'
        )
    try:
        paths.root.mkdir(parents=True, exist_ok=True)
        paths.root.chmod(0o711)
        paths.run.mkdir(exist_ok=True)
    except OSError as error:
        raise _unusable(paths, error) from error


def save(paths: Paths, settings: ClusterSettings) -> None:
    """Writes the settings and enters the cluster in the index."""
    claim(paths, settings.name)
    try:
        written = paths.settings.with_suffix(".new")
        written.write_bytes(msgspec.json.format(msgspec.json.encode(settings)) + b"\n")
        written.replace(paths.settings)
        link = base_dir() / "index" / settings.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(paths.root.resolve())
    except OSError as error:
        raise _unusable(paths, error) from error


def _unusable(paths: Paths, error: OSError) -> UsageError:
    return UsageError(
        f"cannot write the data directory {paths.root}: {error.strerror}; choose another with --data-dir"
    )


def forget(name: str) -> None:
    (base_dir() / "index" / name).unlink(missing_ok=True)


def make(name: str, *, simulated: bool, nodes: int) -> ClusterSettings:
    """Settings for a new cluster: the lowest slot no known cluster has, and ports that are free."""
    others = _others(name)
    taken = {other.slot for other in others}
    slot = next((n for n in range(MAX_SLOTS) if n not in taken), None)
    if slot is None:
        raise UsageError(f"{MAX_SLOTS} clusters exist already; delete one with: wherry delete cluster NAME")
    ports: dict[str, int] = {}
    for field in _FIELDS:
        first = getattr(_FIRST, field) + slot * getattr(_STEP, field)
        ports[field] = _free_port(first, getattr(_STEP, field), _used(others) | set(ports.values()))
    return ClusterSettings(
        name=check_name(name),
        slot=slot,
        simulated=simulated,
        nodes=nodes,
        node_name=socket.gethostname().lower(),
        node_ip=machine_ip(),
        pod_cidr=f"10.{244 - 2 * slot if slot < 50 else slot}.0.0/16",
        service_cidr=f"10.{96 + slot // 16}.{slot % 16 * 16}.0/20",
        ports=Ports(**ports),
    )


def with_free_ports(settings: ClusterSettings) -> ClusterSettings:
    """The same for a cluster that is down, with other ports in place of those that somebody else has
    taken meanwhile."""
    ports = {field: getattr(settings.ports, field) for field in _FIELDS}
    for field, port in ports.items():
        if not _can_listen(port):
            step: int = getattr(_STEP, field)
            ports[field] = _free_port(port + step, step, _used(_others(settings.name)) | set(ports.values()))
    return replace(settings, ports=Ports(**ports))


def _others(name: str) -> list[ClusterSettings]:
    """The known clusters but the one of this name."""
    found = [load(Paths(root)) for other, root in known().items() if other != name]
    return [settings for settings in found if settings is not None]


def _used(clusters: list[ClusterSettings]) -> set[int]:
    return {getattr(cluster.ports, field) for cluster in clusters for field in _FIELDS}


def _free_port(first: int, step: int, used: set[int]) -> int:
    for port in range(first, first + 1000 * step, step):
        if port not in used and _can_listen(port):
            return port
    raise UsageError(f"no free port from {first} on")


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def machine_ip() -> str:
    """The address other machines (and pods) reach this one at: the default route's source, else
    loopback. Connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
        return address
