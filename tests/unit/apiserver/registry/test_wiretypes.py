from __future__ import annotations

import msgspec
import pytest

from wherry.api import schema
from wherry.apiserver.registry import wiretypes


def test_every_kind_can_be_checked() -> None:
    for name, definition in schema.definitions().items():
        if definition.get("x-kubernetes-group-version-kind"):
            wiretypes.checker(name).decode(b"{}")


@pytest.mark.parametrize(
    "body",
    [
        b'{"nonsense":1}',
        b'{"metadata":{"labels":{"a":1}}}',
        b'{"metadata":{"creationTimestamp":"x"}}',
        b'{"spec":{"priority":2147483648}}',
        b'{"spec":{"hostNetwork":"yes"}}',
        b'{"spec":{"overhead":{"cpu":"x"}}}',
    ],
)
def test_refused(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        wiretypes.checker("io.k8s.api.core.v1.Pod").decode(body)


def test_accepted() -> None:
    metadata = b'"metadata":{"creationTimestamp":"2026-01-01T00:00:00Z"}'
    body = b'{%b,"spec":{"overhead":{"cpu":"100m","memory":5}}}' % metadata
    wiretypes.checker("io.k8s.api.core.v1.Pod").decode(body)
    wiretypes.checker("io.k8s.api.core.v1.Secret").decode(b'{"data":{"a":"aGk=","b":"","c":"aGk\\n"}}')


def test_quantities() -> None:
    assert wiretypes.is_quantity("1.5Gi") and wiretypes.is_quantity(3)
    assert (
        not wiretypes.is_quantity(True) and not wiretypes.is_quantity("x") and not wiretypes.is_quantity([])
    )
