"""Images for containers: pull policy, back-off, and upstream's words for what goes wrong.

At most `PARALLEL_PULLS` go on at once; the runtime itself joins pulls of the same layers.
Upstream: `images/image_manager.go`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from wherry.clock import Clock
from wherry.cri.references import full_name
from wherry.cri.runtime import Images
from wherry.cri.types import Auth, RuntimeFault, SandboxConfig
from wherry.kubelet.backoff import Backoff
from wherry.kubelet.host import SetupError

Notify = Callable[[Literal["Normal", "Warning"], str, str], None]
"""Records an event about the container: (type, reason, message)."""
Credentials = Callable[[Any, str], Awaitable[list[Auth]]]
"""The credentials a pod has for an image, to be tried in order."""

_REPOSITORY = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d+)?(?:/{_REPOSITORY})+"
    r"(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)
PARALLEL_PULLS = 4


async def no_credentials(pod: Any, image: str) -> list[Auth]:
    return []


class ImagePuller:
    def __init__(self, runtime: Images, clock: Clock, credentials: Credentials = no_credentials) -> None:
        self._runtime = runtime
        self._clock = clock
        self._credentials = credentials
        self._backoff = Backoff()
        self._errors: dict[tuple[str, str], tuple[str, float]] = {}
        self._slots = asyncio.Semaphore(PARALLEL_PULLS)

    async def present(self, container: Any) -> str:
        """The id of the container's image when it can be used as it is, else ""."""
        if _policy(container) == "Always" or not _REFERENCE.fullmatch(full_name(container.image)):
            return ""
        image = await self._runtime.image_status(container.image)
        return image.id if image else ""

    async def ensure(self, pod: Any, container: Any, sandbox: SandboxConfig, notify: Notify) -> str:
        """The image's id, pulled if its policy wants that. SetupError with the waiting reason."""
        image = container.image
        if not _REFERENCE.fullmatch(full_name(image)):
            message = f'couldn\'t parse image name "{image}": invalid reference format'
            notify("Warning", "InspectFailed", f'Failed to apply default image tag "{image}": {message}')
            raise SetupError("InvalidImageName", f'Failed to apply default image tag "{image}": {message}')
        policy = _policy(container)
        found = await self._runtime.image_status(image) if policy != "Always" else None
        if found is not None:
            words = "already present on machine and can be accessed by the pod"
            notify("Normal", "Pulled", f'Container image "{image}" {words}')
            return found.id
        if policy == "Never":
            message = f'Container image "{image}" is not present with pull policy of Never'
            notify("Warning", "ErrImageNeverPull", message)
            raise SetupError("ErrImageNeverPull", message)
        await self._pull(pod, image, sandbox, notify)
        pulled = await self._runtime.image_status(image)
        if pulled is None:
            raise SetupError("ImageInspectError", f'Failed to inspect image "{image}": not found after pull')
        return pulled.id

    def retry_after(self, pod: Any, container: Any) -> float:
        """Seconds until the next pull is worth asking for."""
        key = (pod.metadata.uid, container.image)
        failed = self._errors.get(key)
        now = self._clock.time()
        return max(0.1, self._backoff.remaining(key, failed[1], now)) if failed else 10.0

    def forget(self, uid: str) -> None:
        for key in [key for key in self._errors if key[0] == uid]:
            del self._errors[key]
            self._backoff.forget(key)

    async def _pull(self, pod: Any, image: str, sandbox: SandboxConfig, notify: Notify) -> None:
        key = (pod.metadata.uid, image)
        failed = self._errors.get(key)
        if failed is not None and self._backoff.remaining(key, failed[1], self._clock.time()) > 0:
            message = f'Back-off pulling image "{image}"'
            notify("Normal", "BackOff", message)
            raise SetupError("ImagePullBackOff", f"{message}: ErrImagePull: {failed[0]}")
        notify("Normal", "Pulling", f'Pulling image "{image}"')
        loop = asyncio.get_running_loop()
        asked = loop.time()
        try:
            took = await self._fetch(pod, image, sandbox)
        except RuntimeFault as fault:
            self._backoff.next(key, self._clock.time())
            self._errors[key] = (fault.message, self._clock.time())
            notify("Warning", "Failed", f'Failed to pull image "{image}": {fault.message}')
            raise SetupError("ErrImagePull", fault.message) from fault
        self._errors.pop(key, None)
        self._backoff.forget(key)
        status = await self._runtime.image_status(image)
        size = status.size if status else 0
        notify(
            "Normal",
            "Pulled",
            f'Successfully pulled image "{image}" in {_seconds(took)} '
            f"({_seconds(loop.time() - asked)} including waiting). Image size: {size} bytes.",
        )

    async def _fetch(self, pod: Any, image: str, sandbox: SandboxConfig) -> float:
        """Pulls with each credential until one works; seconds it took without waiting in line."""
        loop = asyncio.get_running_loop()
        credentials = tuple(await self._credentials(pod, image))
        async with self._slots:
            began = loop.time()
            fault: RuntimeFault | None = None
            for auth in credentials or (None,):
                try:
                    await self._runtime.pull_image(image, auth, sandbox)
                except RuntimeFault as error:
                    fault = error
                else:
                    return loop.time() - began
        assert fault is not None
        raise fault


def _policy(container: Any) -> str:
    if container.imagePullPolicy:
        return str(container.imagePullPolicy)
    return "Always" if full_name(container.image).endswith(":latest") else "IfNotPresent"


def _seconds(value: float) -> str:
    """As Go prints a Duration rounded to milliseconds."""
    return f"{round(value * 1000)}ms" if value < 1 else f"{round(value, 3):g}s"
