"""What a person may get wrong on a command line: one clear line, a code that isn't 0, never a traceback.

Most cases of one component run in one fresh interpreter (`DRIVER`), for starting it is most of the time.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kit.apiserver import ours
from wherry.cli.components import COMPONENTS

DRIVER = """
import contextlib, io, json, sys
from wherry.cli.process import run_component
results = []
for words in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_component(words[0], words[1:])
    results.append([code, out.getvalue(), err.getvalue()])
json.dump(results, sys.stdout)
"""

KUBECONFIGS = {
    "missing": None,
    "broken": b"not: yaml: {",
    "a list": b"[]",
    "empty": b"",
    "binary": bytes(range(256)),
    "no cluster": b"{current-context: a, contexts: [{name: a, context: {cluster: b, user: c}}]}",
    "wrong types": b"{current-context: 5, contexts: {a: b}, clusters: 7}",
    "no context": b"{apiVersion: v1, kind: Config}",
    "bad keys": b"{current-context: a, contexts: [{name: a, context: {cluster: b, user: c}}], "
    b"clusters: [{name: b, cluster: {server: 'https://127.0.0.1:1', certificate-authority-data: '!!'}}], "
    b"users: [{name: c, user: {client-certificate-data: aGVsbG8=, client-key-data: aGVsbG8=}}]}",
    "a bad address": b"{current-context: a, contexts: [{name: a, context: {cluster: b, user: c}}], "
    b"clusters: [{name: b, cluster: {server: 'ftp://[:99999'}}], users: [{name: c, user: {}}]}",
}


def run(cases: list[list[str]], home: Path) -> list[list[Any]]:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "HOME": str(home), "WHERRY_HOME": str(home), "KUBECONFIG": str(home / "none")},
    )
    assert done.returncode == 0, done.stderr
    found: list[list[Any]] = json.loads(done.stdout)
    return found


def refused(result: list[Any], *texts: str) -> None:
    code, out, err = result
    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert len(lines) == 2, err
    assert lines[0].startswith("Error: ")
    assert lines[1].startswith("See 'wherry ")
    for text in texts:
        assert text in lines[0]


@pytest.mark.parametrize("name", COMPONENTS)
def test_components(name: str, tmp_path: Path) -> None:
    kubeconfig = "kube-apiserver" not in name
    real, typo = ("--kubeconfig", "--kubeconfg") if kubeconfig else ("--data-dir", "--data-dri")
    cases: list[tuple[list[str], tuple[str, ...]]] = [
        ([f"{typo}=x"], (f"unknown flag: {typo}", f"did you mean {real}?")),
        (["--zzzzzz"], ("unknown flag: --zzzzzz",)),
        (["stray"], ('unknown argument "stray"',)),
        (["-x"], ("unknown flag: -x",)),
        ([real], (f"flag needs an argument: {real}",)),
        (["--v=loud"], ('invalid argument "loud" for "--v" flag: strconv.ParseInt',)),
        ([f"--v={'9' * 5000}"], ("value out of range",)),
        ([], (f"{real} is needed",)),
    ]
    for number, (what, content) in enumerate(KUBECONFIGS.items()):
        file = tmp_path / f"{number}.conf"
        if content is not None:
            file.write_bytes(content)
        if kubeconfig:
            cases.append(([f"--kubeconfig={file}"], ("--kubeconfig: ",)))
        assert what
    results = run([[name, *words] for words, _ in cases], tmp_path)
    for result, (_, texts) in zip(results, cases, strict=True):
        refused(result, *texts)


def test_the_api_server(tmp_path: Path) -> None:
    file, folder, garbage = tmp_path / "file", tmp_path / "folder", tmp_path / "garbage"
    file.write_text("hello\n")
    folder.mkdir()
    garbage.write_bytes(bytes(range(256)))
    (folder / "data.mdb").write_bytes(bytes(range(256)) * 40)
    cases: list[tuple[list[str], str]] = [
        ([f"--data-dir={file}"], "--data-dir: cannot use"),
        ([f"--data-dir={file}/below"], "--data-dir: cannot use"),
        (["--data-dir=/proc/nothing"], "--data-dir: cannot use"),
        ([f"--data-dir={folder}"], "--data-dir: cannot open the store"),
        ([f"--tls-cert-file={file}", f"--tls-private-key-file={file}"], "unusable certificate, key"),
        ([f"--tls-cert-file={file}"], "must be given together"),
        ([f"--tls-cert-file={tmp_path}/a", f"--tls-private-key-file={file}"], "No such file"),
        ([f"--client-ca-file={file}"], "unusable certificate, key or client CA"),
        ([f"--client-ca-file={folder}"], "Is a directory"),
        ([f"--token-auth-file={file}"], "must have at least 3 columns"),
        ([f"--token-auth-file={garbage}"], "is no text"),
        ([f"--service-account-signing-key-file={file}"], "does not contain any valid"),
        ([f"--service-account-key-file={garbage}"], "does not contain any valid"),
        (["--service-cluster-ip-range=10.0.0.0/33"], "--service-cluster-ip-range"),
        (["--service-cluster-ip-range=10.0.0.0/32"], "--service-cluster-ip-range"),
        (["--service-node-port-range=9-1"], "is not a range of ports"),
        (["--authorization-mode=Maybe"], "is not one of"),
        (["--enable-admission-plugins=Nope"], 'plugin "Nope" is unknown'),
        (["--secure-port=99999"], "must be between"),
        (["--secure-port=http"], "invalid argument"),
        (["--bind-address=203.0.113.7"], "failed to listen on 203.0.113.7:0"),
        (["--bind-address=nowhere"], "is not an IP address"),
        (["--advertise-address=x"], "is not an IP address"),
        ([f"--cert-dir={file}"], "--cert-dir: cannot write"),
        (["--event-ttl=long"], 'invalid duration "long"'),
        (["--max-requests-inflight=-1"], "can not be negative"),
        (["--allow-privileged=perhaps"], "strconv.ParseBool"),
        (["--etcd-servers=http://127.0.0.1:1"], "--etcd-servers"),
    ]
    usual = ["kube-apiserver", f"--data-dir={tmp_path}/s", "--secure-port=0", "--bind-address=127.0.0.1"]
    usual.append(f"--cert-dir={tmp_path}/pki")
    results = run([[*usual, *words] for words, _ in cases], tmp_path)
    for result, (_, text) in zip(results, cases, strict=True):
        refused(result, text)


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = ["kube-apiserver", f"--data-dir={tmp_path}/s", f"--secure-port={port}"]
        words += ["--bind-address=127.0.0.1", f"--cert-dir={tmp_path}/pki"]
        refused(run([words], tmp_path)[0], f"failed to listen on 127.0.0.1:{port}: address already in use")


def test_a_certificate_and_the_key_of_another(tmp_path: Path) -> None:
    from wherry.clock import RealClock
    from wherry.http.tls import self_signed

    for name in ("one", "two"):
        self_signed(tmp_path / f"{name}.crt", tmp_path / f"{name}.key", ["localhost"], RealClock())
    words = ["kube-apiserver", f"--data-dir={tmp_path}/s", "--secure-port=0", "--bind-address=127.0.0.1"]
    words += [f"--tls-cert-file={tmp_path}/one.crt", f"--tls-private-key-file={tmp_path}/two.key"]
    refused(run([words], tmp_path)[0], "unusable certificate, key", "key values mismatch")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--name", "Bad Name"], 'cluster name "Bad Name" is not valid'),
        (["--name", "a" * 100], "is not valid"),
        (["--name", "../up"], "is not valid"),
        (["--data-dir", "FILE"], "cannot read the data directory"),
        (["--data-dir", "/proc/nothing"], "cannot write the data directory /proc/nothing"),
        (["--data-dir", "LONG"], "path is too long"),
        (["--nodes", "0"], "Invalid value for '--nodes'"),
        (["--wait", "soon"], "--wait takes a duration"),
        (["--nme", "x"], "No such option"),
    ],
    ids=lambda value: " ".join(value)[:24] if isinstance(value, list) else None,
)
def test_up(words: list[str], text: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello\n")
    places = {"FILE": str(tmp_path / "file"), "LONG": str(tmp_path / ("a" * 200))}
    done = up(tmp_path, *(places.get(word, word) for word in words))
    assert done.returncode in (1, 2)
    assert text in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "content", [b"not: yaml: {", b"[]", b"{clusters: 5}", b"{users: [a]}", bytes(range(256))]
)
def test_up_with_a_damaged_kubeconfig(content: bytes, tmp_path: Path) -> None:
    """It is seen before anything is started, and stays as it is."""
    file = tmp_path / "kubeconfig"
    file.write_bytes(content)
    done = up(tmp_path, "--name", "damaged", KUBECONFIG=str(file))
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1
    assert file.read_bytes() == content
    assert not (tmp_path / "w" / "damaged" / "cluster.json").exists()


def up(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """What should not come up is taken down again, if it does."""
    done = wherry(home, "up", "--simulated", *words, **more)
    if done.returncode == 0:
        wherry(home, "delete", "cluster", *words)
    return done


def wherry(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(home), "WHERRY_HOME": str(home / "w"), "KUBECONFIG": str(home / "k"), **more}
    return subprocess.run(
        [sys.executable, "-m", "wherry", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_authorizer_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    with ours(tmp_path, "--authorization-mode=Node,RBAC") as server:
        assert any("Node,RBAC is not there yet" in line for line in server.log)
