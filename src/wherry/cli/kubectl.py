"""Which kubectl to use and to name: the one on the PATH, else the one that `make kubectl` fetched."""

from __future__ import annotations

import shutil
from pathlib import Path

from wherry.component_flags import UsageError

FETCHED = Path(".cache") / "wherry" / "bin" / "kubectl"


def command_name() -> str:
    """As a person would type it."""
    if shutil.which("kubectl") is None and (Path.home() / FETCHED).exists():
        return f"~/{FETCHED}"
    return "kubectl"


def find_kubectl() -> str:
    """Its path; UsageError when there is none."""
    found = shutil.which("kubectl") or shutil.which(Path.home() / FETCHED)
    if found is None:
        raise UsageError(
            "kubectl is not on the PATH; get it with: make kubectl, or from https://kubernetes.io/docs/tasks/tools"
        )
    return found
