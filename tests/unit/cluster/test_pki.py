from __future__ import annotations

from pathlib import Path

from cryptography import x509

from wherry.cluster.pki import Authority, Leaf, ensure_signing_key

DAY = 86400.0


class FixedClock:
    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


SERVER = Leaf("server", "kube-apiserver", names=("localhost", "127.0.0.1"))


def test_leaf_is_signed_and_says_who(tmp_path: Path) -> None:
    authority = Authority(tmp_path, FixedClock(1.8e9))
    certificate, key = authority.ensure(Leaf("admin", "kubernetes-admin", "system:masters"))
    made = read(certificate)
    made.verify_directly_issued_by(authority.certificate)
    assert made.subject.rfc4514_string() == "CN=kubernetes-admin,O=system:masters"
    assert key.stat().st_mode & 0o777 == 0o600


def test_ensure_keeps_what_is_good(tmp_path: Path) -> None:
    clock = FixedClock(1.8e9)
    first = read(Authority(tmp_path, clock).ensure(SERVER)[0])
    clock.now += 200 * DAY
    again = read(Authority(tmp_path, clock).ensure(SERVER)[0])
    assert again == first


def test_ensure_renews_in_time_and_for_other_names(tmp_path: Path) -> None:
    clock = FixedClock(1.8e9)
    authority = Authority(tmp_path, clock)
    first = read(authority.ensure(SERVER)[0])
    other = read(authority.ensure(Leaf("server", "kube-apiserver", names=("localhost", "10.0.0.1")))[0])
    assert other != first
    clock.now += 250 * DAY
    renewed = read(authority.ensure(SERVER)[0])
    assert renewed.not_valid_before_utc > first.not_valid_before_utc
    (tmp_path / "server.crt").write_text("damaged")
    assert read(authority.ensure(SERVER)[0]).subject == first.subject


def test_signing_key_is_made_once(tmp_path: Path) -> None:
    public, private = ensure_signing_key(tmp_path)
    before = private.read_bytes()
    ensure_signing_key(tmp_path)
    assert private.read_bytes() == before
    assert b"PUBLIC KEY" in public.read_bytes()
