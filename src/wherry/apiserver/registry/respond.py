"""From the bytes of an answer to a `Response`: pretty-printing, YAML, gzip."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from isal import igzip

from wherry.api.errors import ApiError
from wherry.apiserver.registry.negotiation import PLAIN, Accept, is_browser
from wherry.apiserver.registry.options import Query, truth
from wherry.http.messages import Request, Response

GZIP_FROM = 128 * 1024
"""Bytes from which an answer is worth compressing (upstream's figure)."""

_GZIPPED = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))

MAX_WARNINGS = 4096
MAX_WARNING = 256
"""Characters of all warnings of an answer, and of one when there are too many."""


def answer(
    request: Request,
    query: Query,
    body: bytes,
    *,
    accept: Accept = PLAIN,
    status: int = 200,
    warnings: tuple[str, ...] = (),
) -> Response:
    """`body` is JSON; it is given the form the client wants to read."""
    headers = request.headers
    if accept.yaml:
        body = yaml_text(body)
    elif _pretty(query, headers.get("user-agent", "")):
        body = msgspec.json.format(body, indent=2) + b"\n"
    response = Response(status, body, accept.content_type)
    if warnings:
        response.headers = warning_headers(warnings)
    if len(body) >= GZIP_FROM and takes_gzip(request):
        response.body = igzip.compress(body, compresslevel=0)
        response.headers = (*response.headers, *_GZIPPED)
    return response


def takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


def is_plain(request: Request, query: Query, accept: Accept) -> bool:
    """Whether JSON goes out just as it is."""
    return not accept.yaml and not _pretty(query, request.headers.get("user-agent", ""))


def gzipped(body: bytes) -> Response:
    """The answer whose JSON is compressed already."""
    return Response(200, body, headers=_GZIPPED)


def _pretty(query: Query, agent: str) -> bool:
    asked = query.get("pretty")
    return truth(asked) if asked is not None else is_browser(agent)


def yaml_text(body: bytes) -> bytes:
    yaml = _yaml()
    text: str = yaml.dump(
        msgspec.json.decode(body), Dumper=yaml.SafeDumper, default_flow_style=False, allow_unicode=True
    )
    return text.encode()


@functools.cache
def _yaml():  # type: ignore[no-untyped-def]
    import yaml

    return yaml


def refusal(error: ApiError) -> Response:
    """A refusal as the Status it stands for."""
    return Response(error.code, msgspec.json.encode(error.status()), headers=error.headers)


def warning_headers(texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """RFC 7234 warnings, code 299, each text once; no more of them than a client will read
    (`k8s.io/apiserver/pkg/endpoints/filters/warning.go`)."""
    shown = list(dict.fromkeys(texts))
    if sum(map(len, shown)) > MAX_WARNINGS:
        shown = [text[:MAX_WARNING] for text in shown]
        ends = itertools.accumulate(map(len, shown))
        shown = [text for text, end in zip(shown, ends, strict=True) if end <= MAX_WARNINGS]
    return tuple(("Warning", f"299 - {_quoted(text)}") for text in shown)


def with_warning(answer: Callable[..., Awaitable[Response]], text: str) -> Callable[..., Awaitable[Response]]:
    """The same, its answers and refusals carrying a warning."""
    headers = warning_headers((text,))

    @functools.wraps(answer)
    async def warned(*asked: Any) -> Response:
        try:
            response = await answer(*asked)
        except ApiError as error:
            error.headers = (*error.headers, *headers)
            raise
        response.headers = (*response.headers, *headers)
        return response

    return warned


def _quoted(text: str) -> str:
    clean = " ".join(text.split())
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'
