from __future__ import annotations

from typing import Any

import pytest

from wherry.api.errors import ApiError

from .room import Room, pod, run


def binding(node: str = "n", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", **metadata}, "target": {"kind": "Node", "name": node}}


def test_a_pod_gets_its_node() -> None:
    async def body(room: Room) -> None:
        await room.post("pods", pod("p"))
        answer = await room.ask("POST pods/p/binding", binding(annotations={"a": "b"}))
        assert answer.status == 201
        found = await room.get("pods/p")
        assert found["spec"]["nodeName"] == "n"
        assert found["metadata"]["annotations"] == {"a": "b"}
        assert found["status"]["conditions"] == [
            {
                "type": "PodScheduled",
                "status": "True",
                "lastProbeTime": None,
                "lastTransitionTime": "2027-01-15T08:00:00Z",
            }
        ]

    run(body)


def test_once() -> None:
    async def body(room: Room) -> None:
        await room.post("pods", pod("p"))
        await room.post("pods/p/binding", binding())
        with pytest.raises(ApiError) as caught:
            await room.post("pods/p/binding", binding("m"))
        assert caught.value.code == 409
        assert caught.value.message == (
            'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n"'
        )

    run(body)


def test_the_older_way() -> None:
    async def body(room: Room) -> None:
        await room.post("pods", pod("p"))
        await room.post("bindings", binding())
        assert (await room.get("pods/p"))["spec"]["nodeName"] == "n"

    run(body)


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        ({"target": {"name": "n"}}, "name in URL does not match name in Binding object"),
        (binding(namespace="x"), "namespace in URL does not match namespace in Binding object"),
        ({**binding(), "target": {"kind": "Foo"}}, "[target.kind: Unsupported value"),
        ({**binding(), "target": {}}, "target.name: Required value"),
        (binding(uid="x"), "Precondition failed: UID in precondition: x"),
        (binding(resourceVersion="1"), "the object has been modified"),
    ],
)
def test_refused(obj: dict[str, Any], words: str) -> None:
    async def body(room: Room) -> None:
        await room.post("pods", pod("p"))
        with pytest.raises(ApiError) as caught:
            await room.post("pods/p/binding", obj)
        assert words in caught.value.message
        assert "nodeName" not in (await room.get("pods/p"))["spec"]

    run(body)


def test_pods_that_may_not_run() -> None:
    async def body(room: Room) -> None:
        gated = pod("p")
        gated["spec"]["schedulingGates"] = [{"name": "a.b/c"}]
        await room.post("pods", gated)
        with pytest.raises(ApiError, match=r"non-empty \.spec\.schedulingGates"):
            await room.post("pods/p/binding", binding())
        with pytest.raises(ApiError, match='pods "q" not found'):
            await room.post("pods/q/binding", {**binding(), "metadata": {"name": "q"}})

    run(body)
