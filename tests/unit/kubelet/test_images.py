from __future__ import annotations

from typing import Any

import pytest

from wherry.cri.types import Image, RuntimeFault, SandboxConfig
from wherry.kubelet.host import SetupError
from wherry.kubelet.images import ImagePuller
from wherry.testing import VirtualClock, run

from .kit import pod

BOX = SandboxConfig(name="p", namespace="default", uid="u1")


class Registry:
    """Images that can be pulled, and those that are there."""

    def __init__(self, *remote: str, local: tuple[str, ...] = ()) -> None:
        self.remote, self.local = set(remote), set(local)
        self.pulls: list[tuple[str, Any]] = []

    async def image_status(self, image: str) -> Image | None:
        return Image(f"id:{image}", size=7) if image in self.local else None

    async def pull_image(self, image: str, auth: Any, sandbox: Any) -> str:
        self.pulls.append((image, auth))
        if image not in self.remote or (auth is not None and auth != "good"):
            raise RuntimeFault("NOT_FOUND", f"{image}: not found")
        self.local.add(image)
        return image

    async def list_images(self) -> list[Image]:
        return []

    async def remove_image(self, image: str) -> None: ...


def ensure(registry: Registry, image: str, policy: str = "", credentials: Any = ()) -> tuple[str, list[str]]:
    """(image id, events), or the refusal."""
    events: list[str] = []

    async def found(pod: Any, image: str) -> list[Any]:
        return list(credentials)

    async def main() -> str:
        puller = ImagePuller(registry, VirtualClock(), found)
        container = pod({"name": "c", "image": image, "imagePullPolicy": policy or None}).spec.containers[0]
        return await puller.ensure(pod(), container, BOX, lambda *event: events.append(": ".join(event)))

    return run(main(), autojump=True), events


def refused(*arguments: Any) -> tuple[str, str]:
    with pytest.raises(SetupError) as caught:
        ensure(*arguments)
    return caught.value.reason, caught.value.message


def test_present_is_used() -> None:
    id_, events = ensure(Registry(local=("x:1",)), "x:1", "IfNotPresent")
    assert id_ == "id:x:1"
    words = 'Container image "x:1" already present on machine and can be accessed by the pod'
    assert events == [f"Normal: Pulled: {words}"]


def test_missing_is_pulled() -> None:
    _, events = ensure(Registry("x:1"), "x:1")
    assert events[0] == 'Normal: Pulling: Pulling image "x:1"'
    assert events[1].startswith(
        'Normal: Pulled: Successfully pulled image "x:1" in 0ms (0ms including waiting)'
    )
    assert events[1].endswith("Image size: 7 bytes.")


@pytest.mark.parametrize(("image", "pulled"), [("x", True), ("x:latest", True), ("x:1", False)])
def test_the_default_policy_depends_on_the_tag(image: str, pulled: bool) -> None:
    registry = Registry(image, local=(image,))
    ensure(registry, image)
    assert bool(registry.pulls) is pulled


def test_never_means_never() -> None:
    reason, message = refused(Registry("x:1"), "x:1", "Never")
    assert reason == "ErrImageNeverPull"
    assert message == 'Container image "x:1" is not present with pull policy of Never'


@pytest.mark.parametrize("image", ["Bad Name", "UPPER/x", "x:", "", "a//b"])
def test_names_that_are_none(image: str) -> None:
    assert refused(Registry(), image)[0] == "InvalidImageName"


def test_the_second_failure_in_a_row_backs_off() -> None:
    registry = Registry()
    events: list[str] = []

    async def main() -> list[str]:
        puller = ImagePuller(registry, VirtualClock())
        container = pod({"name": "c", "image": "x:1"}).spec.containers[0]
        reasons = []
        for _ in range(2):
            with pytest.raises(SetupError) as caught:
                await puller.ensure(pod(), container, BOX, lambda *event: events.append(event[1]))
            reasons.append(f"{caught.value.reason}: {caught.value.message}")
        assert 9 < puller.retry_after(pod(), container) <= 10
        puller.forget("u1")
        registry.remote.add("x:1")
        await puller.ensure(pod(), container, BOX, lambda *event: events.append(event[1]))
        return reasons

    assert run(main(), autojump=True) == [
        "ErrImagePull: x:1: not found",
        'ImagePullBackOff: Back-off pulling image "x:1": ErrImagePull: x:1: not found',
    ]
    assert events == ["Pulling", "Failed", "BackOff", "Pulling", "Pulled"]


def test_credentials_are_tried_in_turn() -> None:
    registry = Registry("x:1")
    ensure(registry, "x:1", "", ("bad", "good"))
    assert [auth for _, auth in registry.pulls] == ["bad", "good"]
