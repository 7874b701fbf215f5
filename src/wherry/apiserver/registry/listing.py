"""LIST: which objects, at which revision, in which page (upstream storage/etcd3/store.go, `GetList`).

A list without a resourceVersion shows every write acknowledged before it; `0` shows what the cache has;
a number shows a state at least that new, or with `Exact` (and for later pages) exactly that old one.
The cache answers whatever it can: its present, and any past revision since which nothing in the
resource changed. The rest comes from the store's history.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.apiserver.registry import negotiation
from wherry.apiserver.registry.core import Call, Core
from wherry.apiserver.registry.entry import Entry, encode
from wherry.apiserver.registry.negotiation import Accept
from wherry.apiserver.registry.options import ListOptions, list_options
from wherry.apiserver.registry.respond import GZIP_FROM, answer, gzipped, is_plain, takes_gzip
from wherry.apiserver.registry.selection import Selection, selection
from wherry.apiserver.registry.served import Served
from wherry.apiserver.registry.shapes import shaped_list
from wherry.apiserver.registry.watchcache import Scope
from wherry.etcd.types import Compacted, FutureRevision, Range
from wherry.http.messages import Response

WAIT = 3.0
"""Seconds to wait for a revision that has not been reached."""
_PAGE = 2000
_TOKEN_VERSION = "meta.k8s.io/v1"
_MAX_TOKEN = 4096


@dataclass(slots=True)
class Found:
    """A page: its entries, the revision they are of, how to go on and how many are left."""

    entries: list[Entry]
    revision: int
    continue_: str = ""
    remaining: int | None = None
    scope: Scope | None = None
    """The scope of the cache that the page is all of, None when it is a part or of the past."""


class Token(NamedTuple):
    """Where a list goes on: from the key `start`, at revision `rv` (-1: whatever is there now)."""

    revision: int
    start: str


async def list_objects(core: Core, call: Call) -> Response:
    options = list_options(call.query)
    accept = negotiation.accept(call.request.headers.get("accept", ""))
    found = await select(core, call, options)
    if accept.shape == "object":
        if found.scope is not None and _worth_packing(call, accept, found):
            packed = call.served.cache.packed
            return gzipped(packed.body(found.scope, _head(call.served, found), found.entries, _END))
        body = object_list(call.served, found)
    else:
        body = shaped_list(core, call.served, accept, found.entries, list_meta(found), call.query)
    return answer(call.request, call.query, body, accept=accept)


def _worth_packing(call: Call, accept: Accept, found: Found) -> bool:
    """Whether the list goes out compressed, in the very bytes the cache holds."""
    request = call.request
    if call.served.conversion is not None or not takes_gzip(request):
        return False
    return is_plain(request, call.query, accept) and sum(len(e.data) for e in found.entries) >= GZIP_FROM


_END = b"]}"


def _head(served: Served, found: Found) -> bytes:
    resource = served.resource
    return b'{"kind":"%bList","apiVersion":"%b","metadata":%b,"items":[' % (
        resource.kind.encode(),
        resource.api_version.encode(),
        list_meta(found),
    )


def object_list(served: Served, found: Found) -> bytes:
    """The list's JSON, joined from what the cache holds."""
    if served.conversion is None:
        items: Iterable[bytes] = [entry.data for entry in found.entries]
    else:
        items = [served.render(entry) for entry in found.entries]
    return b"".join((_head(served, found), b",".join(items), _END))


def list_meta(found: Found) -> bytes:
    """metav1.ListMeta."""
    meta: dict[str, str | int] = {"resourceVersion": str(found.revision)}
    if found.continue_:
        meta["continue"] = found.continue_
        if found.remaining is not None:
            meta["remainingItemCount"] = found.remaining
    return encode(meta)


async def select(core: Core, call: Call, options: ListOptions) -> Found:
    """The page of objects the options ask for."""
    chosen = selection(call, options)
    prefix = chosen.scope[1] + "/" if chosen.scope[0] == "namespace" else ""
    revision, start = 0, ""
    if options.continue_:
        if options.resource_version not in ("", "0"):
            raise errors.bad_request("specifying resource version is not allowed when using continue")
        token = read_token(options.continue_)
        revision, start = max(token.revision, 0), prefix + token.start
        if not revision:
            await core.feed.current()
    else:
        revision = await _revision(core, options)
    cache = call.served.cache
    if not revision or cache.changed <= revision <= core.feed.revision:
        entries: Iterable[Entry] = cache.select(chosen.scope, start)
        found = _page(call, chosen, entries, revision or core.feed.revision, options.limit, prefix)
        if chosen.whole and not start and not found.continue_:
            found.scope = chosen.scope
        return found
    past = await _past(core, call, chosen, revision, start, options)
    return _page(call, chosen, past, revision, options.limit, prefix)


async def _revision(core: Core, options: ListOptions) -> int:
    """The exact revision to list at, or 0 for the cache's present (after waiting for it)."""
    text = options.resource_version
    if text == "":
        await core.feed.current()
        return 0
    wanted = revision_number(text)
    if wanted == 0:
        return 0
    await reach(core, wanted)
    if options.match == "Exact" or (options.limit and options.match == ""):
        return wanted
    return 0


def revision_number(text: str) -> int:
    numeric = text.isascii() and text.isdigit()
    if not numeric or len(text) > 19:
        why = "value out of range" if numeric else "invalid syntax"
        raise errors.bad_request(
            f'invalid resource version: resourceVersion: Invalid value: "{text}": '
            f'strconv.ParseUint: parsing "{text}": {why}'
        )
    return int(text)


async def reach(core: Core, revision: int) -> None:
    """Waits a little for a revision; Timeout in upstream's words when it does not come."""
    if core.feed.revision >= revision:
        return
    try:
        async with asyncio.timeout(WAIT):
            await core.feed.reached(revision)
    except TimeoutError:
        raise too_large(revision, core.feed.revision) from None


def too_large(revision: int, current: int) -> ApiError:
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiError(
        "Timeout",
        f"Timeout: Too large resource version: {revision}, current: {current}",
        details={"causes": [cause], "retryAfterSeconds": 1},
        headers=(("Retry-After", "1"),),
    )


def _page(
    call: Call, chosen: Selection, entries: Iterable[Entry], revision: int, limit: int, prefix: str
) -> Found:
    if not chosen.whole:
        entries = filter(chosen.matches, entries)
    if not limit:
        return Found(list(entries), revision)
    iterator = iter(entries)
    page = list(itertools.islice(iterator, limit))
    if len(page) < limit or next(iterator, None) is None:
        return Found(page, revision)
    last = page[-1].key
    remaining = call.served.cache.count(chosen.scope, last) if chosen.whole else None
    return Found(page, revision, write_token(revision, last.removeprefix(prefix) + "\0"), remaining)


async def _past(
    core: Core, call: Call, chosen: Selection, revision: int, start: str, options: ListOptions
) -> list[Entry]:
    """A scope as it was at a revision, from the store's history, as far as the page needs."""
    cache = call.served.cache
    prefix = cache.layout.prefix
    low, high = prefix, prefix[:-1] + b"0"
    if chosen.namespace:
        low = prefix + chosen.namespace.encode() + b"/"
        high = low[:-1] + b"0"
    if start:
        low = max(low, prefix + start.encode())
    found: list[Entry] = []
    matching = 0
    while True:
        try:
            page = await core.store.range(Range(low, high, limit=_PAGE, revision=revision))
        except Compacted:
            raise _too_old(options) from None
        except FutureRevision:
            raise too_large(revision, core.feed.revision) from None
        for kv in page.kvs:
            entry = cache.entry(kv.key[len(prefix) :].decode(), kv.mod_revision, kv.value)
            if _in_scope(cache.layout.indexed, chosen, entry):
                found.append(entry)
                matching += chosen.matches(entry)
        if not page.more or (options.limit and matching > options.limit):
            return found
        low = page.kvs[-1].key + b"\0"


def _in_scope(indexed: tuple[str, ...], chosen: Selection, entry: Entry) -> bool:
    kind, value = chosen.scope
    if kind == "key":
        return entry.key == value
    return kind not in indexed or entry.fields(chosen.known or {}).get(kind) == value


_INCONSISTENT = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
    "that were created, modified, or deleted between the time the first chunk was returned and now may show "
    "up in the list."
)


class ContinueExpired(ApiError):
    """Expired, with the token that goes on at what is there now in the Status's own metadata."""

    def __init__(self, token: str) -> None:
        super().__init__("Expired", _INCONSISTENT)
        self.token = token

    def status(self) -> dict[str, object]:
        return {**super().status(), "metadata": {"continue": self.token}}


def _too_old(options: ListOptions) -> ApiError:
    if options.continue_:
        return ContinueExpired(write_token(-1, read_token(options.continue_).start))
    return errors.expired("The resourceVersion for the provided list is too old.")


def write_token(revision: int, start: str) -> str:
    body = encode({"v": _TOKEN_VERSION, "rv": revision, "start": start})
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


class _WireToken(msgspec.Struct):
    v: str = ""
    rv: int = 0
    start: str = ""


def read_token(text: str) -> Token:
    """ApiError (BadRequest) when it is none of ours."""
    if len(text) > _MAX_TOKEN:
        raise errors.bad_request("invalid continue token: continue key is not valid: too long")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        found = msgspec.json.decode(raw, type=_WireToken)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise errors.bad_request(f"invalid continue token: continue key is not valid: {error}") from None
    if found.v != _TOKEN_VERSION:
        why = f"server does not recognize this encoded version {found.v}"
        raise errors.bad_request(f"invalid continue token: continue key is not valid: {why}")
    if found.rv == 0:
        why = "incorrect encoded start resourceVersion (version meta.k8s.io/v1)"
        raise errors.bad_request(f"invalid continue token: continue key is not valid: {why}")
    if not found.start or ".." in found.start.split("/"):
        raise errors.bad_request("invalid continue token: continue key is not valid: empty start key")
    return Token(found.rv, found.start)
