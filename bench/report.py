"""Figures side by side: ours, the reference's, and how many times better, as a table on stdout."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`higher` tells which way is better; `reference` is None where nothing was measured beside it."""

    what: str
    ours: float
    unit: str
    reference: float | None = None
    higher: bool = True
    goal: str = ""

    @property
    def ratio(self) -> float | None:
        if not self.reference or not self.ours:
            return None
        return self.ours / self.reference if self.higher else self.reference / self.ours


def show(figures: list[Figure]) -> None:
    print(f"{'':44} {'wherry':>12} {'reference':>12} {'times':>7}  goal")
    for f in figures:
        reference = "" if f.reference is None else _number(f.reference)
        ratio = "" if f.ratio is None else f"{f.ratio:.1f}x"
        print(f"{f.what + ' (' + f.unit + ')':44} {_number(f.ours):>12} {reference:>12} {ratio:>7}  {f.goal}")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
