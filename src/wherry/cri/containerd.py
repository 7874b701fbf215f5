"""The files our own containerd child is started with: its configuration and the pod network's.

The configuration is version 2, which containerd 1.5 to 2.x read. It keeps everything of one node
under folders of that node, so several run on one machine beside the host's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wherry.cri.images import PAUSE_IMAGE

CAP_SYS_RESOURCE = 24
CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))


@dataclass(frozen=True, slots=True)
class ContainerdSettings:
    """`root` keeps images and containers over restarts, `state` doesn't survive a boot."""

    root: Path
    state: Path
    socket: Path
    cni_config: Path
    cni_bin: Path
    registry_config: Path
    stream_address: str = "127.0.0.1"
    sandbox_image: str = PAUSE_IMAGE
    restrict_oom_score_adj: bool = False
    apparmor: bool = False
    systemd_cgroup: bool = False


def containerd_config(settings: ContainerdSettings) -> str:
    """config.toml."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = {_quoted(settings.root)}
state = {_quoted(settings.state)}
[grpc]
  address = {_quoted(settings.socket)}
[plugins."io.containerd.internal.v1.opt"]
  path = {_quoted(settings.root / "opt")}
[{cri}]
  sandbox_image = {_quoted(settings.sandbox_image)}
  stream_server_address = {_quoted(settings.stream_address)}
  stream_server_port = "0"
  restrict_oom_score_adj = {_bool(settings.restrict_oom_score_adj)}
  disable_apparmor = {_bool(not settings.apparmor)}
  netns_mounts_under_state_dir = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  [{cri}.cni]
    bin_dir = {_quoted(settings.cni_bin)}
    conf_dir = {_quoted(settings.cni_config)}
  [{cri}.registry]
    config_path = {_quoted(settings.registry_config)}
  [{cri}.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [{cri}.containerd.runtimes.runc.options]
      SystemdCgroup = {_bool(settings.systemd_cgroup)}
  [{cri}.containerd.runtimes.crun]
    runtime_type = "io.containerd.runc.v2"
    [{cri}.containerd.runtimes.crun.options]
      BinaryName = "crun"
      SystemdCgroup = {_bool(settings.systemd_cgroup)}
"""


def cni_conflist(
    pod_cidrs: Sequence[str], *, bridge: str, data_dir: Path, name: str = "wherry", mtu: int = 0
) -> str:
    """A bridge with host-local addresses from `pod_cidrs` (one a family) and host ports.

    Masquerading is left to kube-proxy's rules: CNI's own would let pods skip them (ipMasq).
    """
    routes = [{"dst": "::/0" if ":" in cidr else "0.0.0.0/0"} for cidr in pod_cidrs]
    plugin: dict[str, object] = {
        "type": "bridge",
        "bridge": bridge,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": cidr}] for cidr in pod_cidrs],
            "routes": routes,
            "dataDir": str(data_dir),
        },
    }
    if mtu:
        plugin["mtu"] = mtu
    port_map = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    return json.dumps({"cniVersion": "1.0.0", "name": name, "plugins": [plugin, port_map]}, indent=2) + "\n"


def find_cni_plugins(folders: Sequence[Path] = CNI_FOLDERS) -> Path | None:
    """The first folder that holds the plugins the conflist names."""
    needed = ("bridge", "host-local", "portmap", "loopback")
    return next((f for f in folders if all((f / name).exists() for name in needed)), None)


def lacks_sys_resource(status: str) -> bool:
    """Whether a process with this /proc/PID/status may not lower oom_score_adj below its own."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return not int(line.split()[1], 16) >> CAP_SYS_RESOURCE & 1
    return True


def _quoted(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)  # a TOML basic string escapes as JSON does


def _bool(value: bool) -> str:
    return "true" if value else "false"
