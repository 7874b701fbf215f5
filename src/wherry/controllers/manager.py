"""The controller manager: the chosen controllers over one set of informers, in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wherry.client.informer import InformerFactory
from wherry.client.rest import Client
from wherry.component import Env
from wherry.controllers.base import Context
from wherry.controllers.registry import chosen
from wherry.controllers.settings import ControllersSettings


class ControllerManager:
    """A `wherry.component.Component`. Every `run` starts from nothing: controllers keep no state that
    the API does not have."""

    name = "kube-controller-manager"

    def __init__(self, client: Client, env: Env, settings: ControllersSettings) -> None:
        self._client = client
        self._env = env
        self._settings = settings

    async def run(self, ready: Callable[[], None]) -> None:
        """Calls `ready` when all informers have their first list and the controllers work."""
        informers = InformerFactory(self._client, self._env)
        context = Context(self._client, self._env, self._settings, informers)
        controllers = [entry.make(context) for entry in chosen(self._settings)]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(informers.run())
            for recorder in context.recorders.values():
                tasks.create_task(recorder.run())
            for controller in sorted(controllers, key=lambda one: one.late):
                if controller.late:
                    await informers.wait_synced()
                tasks.create_task(controller.run())
            await informers.wait_synced()
            ready()
