"""GET of one object: the cache's bytes (upstream storage/cacher, `Get`)."""

from __future__ import annotations

from wherry.apiserver.registry import listing, negotiation
from wherry.apiserver.registry.core import Call, Core
from wherry.apiserver.registry.entry import Entry
from wherry.apiserver.registry.respond import answer
from wherry.apiserver.registry.shapes import shaped
from wherry.http.messages import Response


async def get(core: Core, call: Call) -> Response:
    accept = negotiation.accept(call.request.headers.get("accept", ""))
    body = call.served.render(await entry(core, call))
    if accept.shape != "object":
        body = shaped(core, call.served, accept, body, call.query)
    return answer(call.request, call.query, body, accept=accept)


async def entry(core: Core, call: Call) -> Entry:
    """The entry at the resourceVersion asked for, or newer; NotFound when there is none."""
    version = call.query.get("resourceVersion", "")
    if not version:
        if core.feed.revision < core.store.revision:
            await core.feed.current()
    elif wanted := listing.revision_number(version):
        await listing.reach(core, wanted)
    served, info = call.served, call.info
    found = served.cache.get(served.relative(call.namespace, info.name))
    if found is None:
        raise served.not_found(info.name)
    return found
