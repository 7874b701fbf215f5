"""What the cluster as a whole does not allow pods (--allow-privileged=false).

Upstream checks this in the middle of validation; here it is a plugin, because validation is pure and
knows no settings. The refusal is the same.
"""

from __future__ import annotations

from wherry.api import errors
from wherry.api.fieldpath import forbidden_field
from wherry.apiserver.admission.plugin import Plugin, name_of, the_object
from wherry.apiserver.attributes import Attributes


class Capabilities(Plugin):
    name = "Capabilities"
    resources = ("pods",)
    operations = ("CREATE", "UPDATE")

    async def validate(self, attributes: Attributes) -> None:
        spec = the_object(attributes).get("spec") or {}
        found = [
            forbidden_field(f"spec.{kind}[{i}].securityContext.privileged", "disallowed by cluster policy")
            for kind in ("containers", "initContainers", "ephemeralContainers")
            for i, container in enumerate(spec.get(kind) or ())
            if (container.get("securityContext") or {}).get("privileged")
        ]
        if found:
            raise errors.invalid("", "Pod", name_of(attributes), found)
