"""How much memory a process takes, shared pages counted by their share (PSS)."""

from __future__ import annotations

from pathlib import Path


def pss_bytes(pid: int) -> int:
    """0 when the process is gone or not ours to look at."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
