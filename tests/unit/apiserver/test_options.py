"""kube-apiserver's flags."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from wherry.apiserver.options import FLAGS, serve, settings
from wherry.component_flags import UsageError, parse

KUBEADM = [
    "--advertise-address=192.0.2.1",
    "--allow-privileged=true",
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--enable-bootstrap-token-auth=true",
    "--etcd-servers=https://127.0.0.1:2379",
    "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
    "--proxy-client-cert-file=/x",
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-username-headers=X-Remote-User",
    "--secure-port=6443",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    "--service-cluster-ip-range=10.96.0.0/12",
    "--etcd-cafile=/x",
    "--etcd-certfile=/x",
    "--etcd-keyfile=/x",
    "--requestheader-client-ca-file=/x",
]


def test_kubeadms_flags() -> None:
    made = settings(parse(FLAGS, KUBEADM))
    assert made.kubernetes_service_ip == "10.96.0.1"
    assert made.authorization_modes == ("Node", "RBAC")
    assert made.kubelet.address_types == ("InternalIP", "ExternalIP", "Hostname")
    assert made.advertise_address == "192.0.2.1"


def test_names_are_unique() -> None:
    names = [flag.name for flag in FLAGS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--secure-port=70000"], "must be between 0 and 65535"),
        (["--advertise-address=here"], "is not an IP address"),
        (["--service-node-port-range=9"], "is not a range of ports"),
        (["--service-node-port-range=9-1"], "is not a range of ports"),
        (["--service-cluster-ip-range=x"], "--service-cluster-ip-range"),
        (["--authorization-mode=Anything"], 'authorization-mode "Anything" is not one of'),
        (["--client-ca-file=/nowhere/ca.crt"], "--client-ca-file: cannot read /nowhere/ca.crt"),
        (["--tls-cert-file=/dev/null"], "must be given together"),
    ],
)
def test_wrong_values(words: list[str], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        settings(parse(FLAGS, ["--bind-address=127.0.0.1", *words]))


def wrong(tmp_path: Path, *words: str) -> str:
    common = ["--bind-address=127.0.0.1", "--secure-port=0", f"--cert-dir={tmp_path}/certs"]
    with pytest.raises(UsageError) as error:
        asyncio.run(asyncio.wait_for(serve(parse(FLAGS, [*common, *words]), lambda: None), 10))
    return str(error.value)


def test_start_errors_are_one_line(tmp_path: Path) -> None:
    assert "--data-dir is needed" in wrong(tmp_path)
    file = tmp_path / "file"
    file.write_text("x")
    for text in (
        wrong(tmp_path, f"--data-dir={file}"),
        wrong(tmp_path, f"--cert-dir={file}/certs"),
        wrong(
            tmp_path, f"--data-dir={tmp_path}/d", f"--tls-cert-file={file}", f"--tls-private-key-file={file}"
        ),
        wrong(tmp_path, f"--data-dir={tmp_path}/d", f"--token-auth-file={file}"),
    ):
        assert str(file) in text
        assert "\n" not in text


def test_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = wrong(tmp_path, f"--data-dir={tmp_path}/d", f"--secure-port={port}")
    assert text.startswith(f"failed to listen on 127.0.0.1:{port}: ")
