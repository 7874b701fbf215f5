"""Run a coroutine right now, and make a task of it only if it has to wait.

    outcome = start(handler(request), loop)      # a Finished or an asyncio.Task

Most API requests are answered from memory without one `await` that waits; a task for each of them
would be a third of their cost. While the first step runs, `asyncio.current_task()` is a stand-in that
passes `cancel`, `cancelling` and `uncancel` on to the task made later, so that `asyncio.timeout` and
`TaskGroup` work in it (`_enter_task` is asyncio's documented hook for other task implementations).
Python 3.12's eager tasks do the same; this is for 3.11.
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Finished(Generic[T]):
    """A coroutine's value, or the exception it ended with."""

    __slots__ = ("_error", "_value")

    def __init__(self, value: T | None = None, error: BaseException | None = None) -> None:
        self._value = value
        self._error = error

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]


class _StandIn:
    """What `current_task()` gives during the first step."""

    __slots__ = ("_cancels", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self._cancels = 0

    def cancel(self, msg: Any = None) -> bool:
        if self.task is not None:
            return self.task.cancel(msg)
        self._cancels += 1
        return True

    def cancelling(self) -> int:
        return self._cancels if self.task is None else self.task.cancelling()

    def uncancel(self) -> int:
        if self.task is not None:
            return self.task.uncancel()
        self._cancels = max(0, self._cancels - 1)
        return self._cancels

    def done(self) -> bool:
        return self.task is not None and self.task.done()

    def get_name(self) -> str:
        return "first step" if self.task is None else self.task.get_name()

    def become(self, task: asyncio.Task[Any]) -> None:
        """Hands what was asked of the stand-in to the task that goes on."""
        self.task = task
        for _ in range(self._cancels):
            task.cancel()


class _Rest(Generic[T]):
    """Awaitable: the rest of a coroutine that has already yielded `first`."""

    __slots__ = ("_coro", "_first")

    def __init__(self, coro: Coroutine[Any, Any, T], first: Any) -> None:
        self._coro = coro
        self._first = first

    def __await__(self) -> Generator[Any, Any, T]:
        coro, waited_for = self._coro, self._first
        try:
            while True:
                try:
                    sent = yield waited_for
                except GeneratorExit:
                    coro.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - thrown on into the coroutine
                    waited_for = coro.throw(error)
                else:
                    waited_for = coro.send(sent)
        except StopIteration as end:
            value: T = end.value
            return value


async def _go_on(rest: _Rest[T]) -> T:
    return await rest


def start(coro: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> Finished[T] | asyncio.Task[T]:
    """Runs `coro` to its end or its first wait. Must not be called from inside a task."""
    stand_in = _StandIn()
    _enter_task(loop, stand_in)  # type: ignore[arg-type]
    try:
        waited_for = coro.send(None)
    except StopIteration as end:
        return Finished(end.value)
    except Exception as error:  # noqa: BLE001 - kept and raised again by result()
        return Finished(error=error)
    finally:
        _leave_task(loop, stand_in)  # type: ignore[arg-type]
    task = loop.create_task(_go_on(_Rest(coro, waited_for)))
    stand_in.become(task)
    return task
