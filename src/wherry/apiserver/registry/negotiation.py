"""What form of an answer a client asked for: `Accept`, parsed once for each text that is met.

Objects can be asked for as they are, as a Table, or as metadata only, each in JSON or YAML. The first
clause (by `q`, then by place) that can be served is taken; none is a 406 in upstream's words.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal, TypeAlias

from wherry.api import errors

Shape: TypeAlias = Literal["object", "Table", "PartialObjectMetadata"]
MEDIA_TYPES = "application/json, application/yaml"
_MAX_ACCEPT = 4096


@dataclass(frozen=True, slots=True)
class Accept:
    shape: Shape = "object"
    yaml: bool = False

    @property
    def content_type(self) -> str:
        return "application/yaml" if self.yaml else "application/json"


PLAIN = Accept()


def accept(header: str, *, streaming: bool = False) -> Accept:
    """The form to answer in; ApiError (NotAcceptable) when none of those asked for can be had."""
    if not header or header in ("application/json", "*/*"):
        return PLAIN
    if len(header) > _MAX_ACCEPT:
        raise errors.bad_request("Accept header is too long")
    found = _negotiate(header, streaming)
    if found is None:
        text = f"406: Not Acceptable\n\nAvailable representations: {MEDIA_TYPES}"
        raise errors.ApiError("NotAcceptable", text, details={})
    return found


@functools.lru_cache(512)
def _negotiate(header: str, streaming: bool) -> Accept | None:
    clauses = []
    for place, clause in enumerate(header.split(",")):
        media, *rest = (part.strip() for part in clause.split(";"))
        params = dict(p.partition("=")[::2] for p in rest)
        clauses.append((-_quality(params.pop("q", "1")), place, media.lower(), params))
    for quality, _, media, params in sorted(clauses, key=lambda c: c[:2]):
        if quality < 0 and (found := _clause(media, params, streaming)) is not None:
            return found
    return None


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _clause(media: str, params: dict[str, str], streaming: bool) -> Accept | None:
    if media in ("*/*", "application/*", "application/json", "text/json"):
        yaml = False
    elif media in ("application/yaml", "application/x-yaml", "text/yaml") and not streaming:
        yaml = True
    else:
        return None
    kind = params.get("as", "")
    if not kind:
        return Accept(yaml=yaml)
    if params.get("g") != "meta.k8s.io" or params.get("v") != "v1":
        return None
    if kind == "Table":
        return Accept("Table", yaml)
    if kind in ("PartialObjectMetadata", "PartialObjectMetadataList"):
        return Accept("PartialObjectMetadata", yaml)
    return None


@functools.lru_cache(256)
def is_browser(agent: str) -> bool:
    """Whether an answer is for human eyes unless the query says otherwise (upstream's list)."""
    return agent.startswith(("curl", "Wget", "Mozilla/5.0"))
