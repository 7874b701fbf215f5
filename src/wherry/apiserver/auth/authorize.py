"""May they: the authorizer's decision as data, and its words at the edge.

Modes: whoever is authenticated may do everything, nobody else may do anything but look at the
server's health and version, whatever the mode is called.
"""

from __future__ import annotations

from dataclasses import dataclass

from wherry.api import errors
from wherry.apiserver.attributes import RequestInfo, User

_PUBLIC = frozenset(("/healthz", "/livez", "/readyz", "/version", "/version/"))
"""What upstream's role system:public-info-viewer gives to everyone."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rule` decided; `remedy` is what would change a refusal."""

    allowed: bool
    user: User
    info: RequestInfo
    rule: str
    reason: str = ""
    remedy: str = ""


def decide(user: User, info: RequestInfo) -> Verdict:
    if "system:masters" in user.groups:
        return Verdict(True, user, info, "system:masters")
    if "system:authenticated" in user.groups:
        return Verdict(True, user, info, "authenticated")
    if not info.is_resource and info.path in _PUBLIC and info.verb in ("get", "head"):
        return Verdict(True, user, info, "system:public-info-viewer")
    return Verdict(False, user, info, "", remedy="credentials of a user in the group system:authenticated")


def refusal(verdict: Verdict) -> errors.ApiError:
    """A refusing verdict in upstream's words (`responsewriters.ForbiddenStatusError`)."""
    info = verdict.info
    why = f'User "{verdict.user.name}" cannot {info.verb} '
    if not info.is_resource:
        error = errors.forbidden("", "", "", _with_reason(f'{why}path "{info.path}"', verdict.reason))
    else:
        resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
        where = f'in the namespace "{info.namespace}"' if info.namespace else "at the cluster scope"
        text = f'{why}resource "{resource}" in API group "{info.group}" {where}'
        error = errors.forbidden(info.group, info.resource, info.name, _with_reason(text, verdict.reason))
    error.headers = (("X-Content-Type-Options", "nosniff"),)
    return error


def _with_reason(text: str, reason: str) -> str:
    return f"{text}: {reason}" if reason else text
