"""DefaultTolerationSeconds: a pod stays five minutes on a node that stopped answering."""

from __future__ import annotations

from collections.abc import Callable

from wherry.apiserver.admission.plugin import Plugin, the_object
from wherry.apiserver.attributes import Attributes

_SECONDS = 300
_KEYS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class DefaultTolerationSeconds(Plugin):
    name = "DefaultTolerationSeconds"
    resources = ("pods",)
    operations = ("CREATE", "UPDATE")

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        spec = the_object(attributes)["spec"]
        present = spec.get("tolerations") or []
        added = [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _SECONDS}
            for key in _KEYS
            if not any(
                toleration.get("key", "") in ("", key) and toleration.get("effect", "") in ("", "NoExecute")
                for toleration in present
            )
        ]
        if added:
            spec["tolerations"] = [*present, *added]
        return None
