from __future__ import annotations

import json
import tomllib
from pathlib import Path

from wherry.cri.containerd import (
    ContainerdSettings,
    cni_conflist,
    containerd_config,
    find_cni_plugins,
    lacks_sys_resource,
)

SETTINGS = ContainerdSettings(
    root=Path("/data/root"),
    state=Path("/run/x"),
    socket=Path('/data/with "quotes"/ctd.sock'),
    cni_config=Path("/data/cni"),
    cni_bin=Path("/usr/lib/cni"),
    registry_config=Path("/data/certs.d"),
    restrict_oom_score_adj=True,
)


def test_the_configuration_is_toml() -> None:
    config = tomllib.loads(containerd_config(SETTINGS))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert config["version"] == 2 and config["root"] == "/data/root"
    assert config["grpc"]["address"] == '/data/with "quotes"/ctd.sock'
    assert cri["sandbox_image"] == "wherry.local/pause:1"
    assert cri["restrict_oom_score_adj"] is True and cri["disable_apparmor"] is True
    assert cri["cni"] == {"bin_dir": "/usr/lib/cni", "conf_dir": "/data/cni"}
    assert set(cri["containerd"]["runtimes"]) == {"runc", "crun"}


def test_the_pod_network() -> None:
    text = cni_conflist(["10.1.0.0/24", "fd00::/64"], bridge="br9", data_dir=Path("/run/ipam"), mtu=1450)
    bridge, ports = json.loads(text)["plugins"]
    assert (bridge["bridge"], bridge["mtu"], bridge["ipMasq"], bridge["hairpinMode"]) == (
        "br9",
        1450,
        False,
        True,
    )
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]
    assert [r["dst"] for r in bridge["ipam"]["routes"]] == ["0.0.0.0/0", "::/0"]
    assert ports["type"] == "portmap"


def test_plugins_are_found_only_when_all_are_there(tmp_path: Path) -> None:
    some, every = tmp_path / "some", tmp_path / "every"
    for folder, names in ((some, ("bridge",)), (every, ("bridge", "host-local", "portmap", "loopback"))):
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    assert find_cni_plugins([some, every]) == every
    assert find_cni_plugins([some]) is None


def test_the_capability_is_read() -> None:
    assert lacks_sys_resource("CapEff:\t000001fffeffffff\n")
    assert not lacks_sys_resource("CapEff:\t000001ffffffffff\n")
