from __future__ import annotations

from wherry.apiserver.patch.types import ATOMIC, SCALAR, UNTYPED, metadata_type, typed


def test_forms_come_from_the_schema() -> None:
    spec = typed("io.k8s.api.core.v1.PodSpec")
    assert spec.child("containers").form == "listmap"
    assert spec.child("containers").keys == ("name",)
    assert spec.child("nodeSelector") is ATOMIC
    assert spec.child("tolerations") is ATOMIC
    assert spec.child("nodeName") is SCALAR
    assert metadata_type().child("finalizers").form == "set"
    assert metadata_type().child("labels").form == "map"


def test_keys_have_defaults() -> None:
    ports = typed("io.k8s.api.core.v1.Container").child("ports")
    assert ports.keys == ("containerPort", "protocol")
    assert ports.defaults == {"protocol": "TCP"}


def test_a_field_may_say_otherwise_than_its_type() -> None:
    assert typed("io.k8s.api.core.v1.ObjectReference").form == "atomic"
    assert typed("io.k8s.api.core.v1.PersistentVolumeSpec").child("claimRef").form == "struct"


def test_open_values() -> None:
    assert typed("io.k8s.api.apps.v1.ControllerRevision").child("data") is ATOMIC
    assert typed(None) is UNTYPED
    assert UNTYPED.child("anything") is UNTYPED
    assert typed("io.k8s.api.core.v1.Pod").child("nonsense") is UNTYPED
