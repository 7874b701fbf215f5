"""The two ways rules reach the kernel, behind one face: `sync` knows only this.

Each backend remembers what it wrote. After an ApplyError its memory may be ahead of the kernel, so the
caller must follow with `full`.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from wherry.proxy.apply import Applier, ApplyError, nftables, output, run
from wherry.proxy.render.iptables import IptablesRenderer, own_chain
from wherry.proxy.render.iptables_base import Names, base, jumps
from wherry.proxy.render.nft import NftRenderer
from wherry.proxy.rules import Change, Match, Rule
from wherry.proxy.settings import Mode, Ruling

T = TypeVar("T")


class Backend(Protocol):
    async def full(self, rules: Iterable[Rule]) -> None:
        """Makes the kernel have exactly these rules of ours."""

    async def change(self, changes: Mapping[Match, Change]) -> None:
        """Changes what changed."""

    async def present(self) -> bool:
        """False when somebody removed what we put there."""

    async def clean(self) -> None:
        """Removes everything of ours, and nothing else."""

    def close(self) -> None: ...


def backend(mode: Mode, ruling: Ruling) -> Backend:
    """The backend for a mode; ApplyError when this machine cannot do it."""
    return Nftables(ruling, nftables(ruling.table)) if mode == "nftables" else Iptables(ruling)


class Nftables:
    def __init__(self, ruling: Ruling, applier: Applier) -> None:
        self._renderer = NftRenderer(ruling)
        self._applier = applier

    async def full(self, rules: Iterable[Rule]) -> None:
        await self._applier.apply(self._renderer.full(rules))

    async def change(self, changes: Mapping[Match, Change]) -> None:
        text = self._renderer.change(changes)
        if text:
            await self._applier.apply(text)

    async def present(self) -> bool:
        return await self._applier.present()

    async def clean(self) -> None:
        await self._applier.apply(self._renderer.clean())

    def close(self) -> None:
        self._applier.close()


_RESTORE = ("iptables-restore", "-w", "5", "--noflush", "--counters")
_IPTABLES = ("iptables", "-w", "5")


class Iptables:
    def __init__(self, ruling: Ruling) -> None:
        self._ruling = ruling
        self._names = Names(ruling.suffix)
        self._renderer = IptablesRenderer(ruling)
        self._thread = ThreadPoolExecutor(1, "iptables")

    async def full(self, rules: Iterable[Rule]) -> None:
        wanted = list(rules)
        await self._in_thread(self._full, wanted)

    async def change(self, changes: Mapping[Match, Change]) -> None:
        text = self._renderer.change(changes)
        if text:
            await self._in_thread(_restore, text)

    async def present(self) -> bool:
        return await self._in_thread(self._present)

    async def clean(self) -> None:
        await self._in_thread(self._clean)

    def close(self) -> None:
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _full(self, rules: list[Rule]) -> None:
        _restore(self._renderer.full(rules, _chains("nat")))
        for table, chain, rule in jumps(self._names):
            words = shlex.split(rule)
            if run((*_IPTABLES, "-t", table, "-C", chain, *words), "") is not None:
                said = run((*_IPTABLES, "-t", table, "-I", chain, *words), "")
                if said is not None:
                    raise ApplyError(said)

    def _present(self) -> bool:
        table, chain, rule = next(j for j in jumps(self._names) if j[1] == "PREROUTING")
        return run((*_IPTABLES, "-t", table, "-C", chain, *shlex.split(rule)), "") is None

    def _clean(self) -> None:
        for table, chain, rule in jumps(self._names):
            words = shlex.split(rule)
            while run((*_IPTABLES, "-t", table, "-D", chain, *words), "") is None:
                continue
        ours = own_chain(self._ruling.suffix)
        for table, (shared, _) in base(self._names, self._ruling).items():
            there = _chains(table)
            doomed = [c for c in there if c in shared or (table == "nat" and ours.fullmatch(c))]
            if doomed:
                empty = "".join(f":{name} - [0:0]\n" for name in doomed)
                gone = "".join(f"-X {name}\n" for name in doomed)
                _restore(f"*{table}\n{empty}{gone}COMMIT\n")


def _restore(text: str) -> None:
    said = run(_RESTORE, text)
    if said is not None:
        raise ApplyError(said)


def _chains(table: str) -> list[str]:
    """The chains of a table of the kernel."""
    lines = output(("iptables-save", "-t", table)).splitlines()
    return [line[1:].split(" ", 1)[0] for line in lines if line.startswith(":")]
