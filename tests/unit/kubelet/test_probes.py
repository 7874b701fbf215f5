from __future__ import annotations

import asyncio
from typing import Any

from wherry.kubelet.probes import Outcome, PodProbes
from wherry.testing import VirtualClock
from wherry.testing import run as run_virtually

from .kit import pod, seen
from .kit import ran as made


def ran(name: str = "c") -> Any:
    """A run that began now, at the virtual clock's start."""
    import msgspec

    return msgspec.structs.replace(made(name), started_at=VirtualClock().time())


class Script:
    """Answers in turn, the last one for ever; remembers when it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.times: list[float] = []

    async def probe(self, *_: Any) -> Outcome:
        self.times.append(asyncio.get_running_loop().time())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Outcome(answer, f"{answer}!")  # type: ignore[arg-type]


class Watched:
    def __init__(self, script: Script, probes: dict[str, Any], status: Any = None) -> None:
        self.pod = pod({"name": "c", **probes}, status=status)
        self.wakes = 0
        self.told: list[str] = []
        self.probes = PodProbes(
            self.pod, script, VirtualClock(), self._wake, lambda kind, name, text: self.told.append(text)
        )

    def _wake(self) -> None:
        self.wakes += 1


def watch(script: Script, seconds: float, status: Any = None, **probes: Any) -> tuple[Watched, Any]:
    """After so many seconds of probing one running container."""

    async def main() -> tuple[Watched, Any]:
        watched = Watched(script, probes, status)
        view = seen(ran())
        watched.probes.update(watched.pod, view)
        await asyncio.sleep(seconds)
        state = (
            watched.probes.ready("c0"),
            watched.probes.started("c0"),
            dict(watched.probes.probed(view).failing),
        )
        await watched.probes.close()
        return watched, state

    return run_virtually(main(), autojump=True)


PROBE = {"periodSeconds": 10, "failureThreshold": 3, "exec": {"command": ["x"]}}


def test_without_probes_a_container_is_ready() -> None:
    _, state = watch(Script("success"), 1)
    assert state == (True, True, {})


def test_readiness_follows_the_probe() -> None:
    script = Script("success", "failure", "failure", "failure", "success")
    watched, state = watch(script, 25, readinessProbe=PROBE)
    assert state[0] is True  # two failures are not enough
    watched, state = watch(Script("success", *["failure"] * 3), 35, readinessProbe=PROBE)
    assert state[0] is False and watched.wakes == 2
    assert watched.told == ["Readiness probe failed: failure!"] * 3


def test_the_first_probe_waits_and_the_others_keep_time() -> None:
    script = Script("success")
    watch(script, 31, readinessProbe={**PROBE, "initialDelaySeconds": 5})
    assert [round(t) for t in script.times] == [5, 15, 25]


def test_liveness_gives_up_once() -> None:
    watched, state = watch(Script("failure"), 100, livenessProbe=PROBE)
    assert state[2] == {"c0": "liveness"}
    assert len(watched.told) == 3 and watched.wakes == 1


def test_a_probe_that_could_not_be_made_counts_as_neither() -> None:
    watched, state = watch(Script("unknown"), 100, livenessProbe=PROBE)
    assert state[2] == {} and watched.told[0].startswith(
        "Liveness probe errored and resulted in unknown state"
    )


def test_nothing_else_is_probed_before_startup_has_succeeded() -> None:
    startup = {**PROBE, "periodSeconds": 1, "failureThreshold": 30}
    script = Script("failure", "failure", "success")
    _, state = watch(script, 3.5, startupProbe=startup, livenessProbe=PROBE, readinessProbe=PROBE)
    assert state[1] is True and script.times[:3] == [0, 1, 2]
    assert sorted(script.times[3:]) == [2, 2]  # the other two begin then


def test_failed_startup() -> None:
    _, state = watch(Script("failure"), 100, startupProbe={**PROBE, "failureThreshold": 1})
    assert state == (True, False, {"c0": "startup"})


def test_a_restarted_kubelet_goes_on_with_what_was_said() -> None:
    status = {"containerStatuses": [{"name": "c", "containerID": "x://c0", "ready": True, "started": True}]}
    slow = {**PROBE, "initialDelaySeconds": 50}
    _, state = watch(Script("success"), 1, status, readinessProbe=slow, startupProbe=slow)
    assert state[:2] == (True, True)
    _, state = watch(Script("success"), 1, None, readinessProbe=slow, startupProbe=slow)
    assert state[:2] == (False, False)


def test_what_ended_is_forgotten() -> None:
    async def main() -> None:
        watched = Watched(Script("failure"), {"livenessProbe": PROBE})
        watched.probes.update(watched.pod, seen(ran()))
        await asyncio.sleep(100)
        assert watched.probes.probed(seen(ran())).failing
        watched.probes.update(watched.pod, seen())
        assert not watched.probes.probed(seen(ran())).failing
        await watched.probes.close()

    run_virtually(main(), autojump=True)
