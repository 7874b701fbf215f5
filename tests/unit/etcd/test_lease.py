from __future__ import annotations

import math

import pytest

from wherry.etcd.lease import UNSTARTED, LeaseNotFound, Leases


def test_the_first_deadline_counts_even_after_it_moved() -> None:
    leases = Leases()
    assert leases.next_deadline() == math.inf
    leases.grant(1, 10, 10)
    leases.grant(2, 20, 20)
    assert leases.next_deadline() == 10
    leases.extend(1, 15)
    assert leases.next_deadline() == 20
    assert leases.expired(19) == []
    assert leases.expired(25) == [2, 1]
    assert leases.next_deadline() == math.inf
    leases.postpone(1, 30)
    assert leases.next_deadline() == 30
    leases.remove(1)
    assert leases.next_deadline() == math.inf


def test_recovered_leases_wait_for_the_start() -> None:
    leases = Leases()
    leases.grant(1, 10, UNSTARTED)
    assert leases.expired(1e9) == []
    leases.start(100)
    assert leases.next_deadline() == 110


def test_a_key_is_under_one_lease() -> None:
    leases = Leases()
    leases.grant(1, 10, 10)
    leases.grant(2, 10, 10)
    leases.move(b"k", 0, 1)
    leases.move(b"k", 1, 2)
    assert list(leases.find(1).keys) == []
    assert list(leases.find(2).keys) == [b"k"]
    leases.move(b"k", 2, 0)
    assert list(leases.find(2).keys) == []


def test_unknown_leases() -> None:
    with pytest.raises(LeaseNotFound, match="etcdserver: requested lease not found"):
        Leases().find(7)
