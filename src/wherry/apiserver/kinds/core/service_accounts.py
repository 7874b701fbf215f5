"""ServiceAccount."""

from __future__ import annotations

from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Strategy

_DEPRECATED = "kubernetes.io/enforce-mountable-secrets"


def _warnings(new: Obj, old: Obj | None) -> list[str]:
    annotations = new["metadata"].get("annotations") or {}
    if _DEPRECATED in annotations and (
        old is None or _DEPRECATED not in (old["metadata"].get("annotations") or {})
    ):
        return [
            f"metadata.annotations[{_DEPRECATED}]: deprecated in v1.32+; prefer separate namespaces to "
            "isolate access to mounted secrets"
        ]
    return []


STRATEGY = Strategy(
    default=tidies("core.v1.ServiceAccount"),
    has_status=False,
    columns=(NAME, AGE),
    warnings=_warnings,
)
