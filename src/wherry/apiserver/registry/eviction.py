"""pods/eviction: a deletion that may be refused for the sake of those left
(upstream registry/core/pod/storage/eviction.go)."""

from __future__ import annotations

from wherry.apiserver.registry import decoding
from wherry.apiserver.registry.binding import CREATED, check_names
from wherry.apiserver.registry.core import Call, Core, conclude
from wherry.apiserver.registry.decoding import Wanted
from wherry.apiserver.registry.delete import delete_object
from wherry.apiserver.registry.options import delete_options, write_options
from wherry.apiserver.registry.respond import answer
from wherry.http.messages import Response

_EVICTION = Wanted("policy/v1", "Eviction", "io.k8s.api.policy.v1.Eviction")


async def evict(core: Core, call: Call) -> Response:
    request = call.request
    options = write_options(call.query, "CreateOptions")
    eviction, warnings = decoding.decode(
        request.body,
        request.headers.get("content-type", ""),
        _EVICTION,
        core.scheme,
        options.validation,
    )
    check_names(call, eviction, "Eviction")
    deleting = delete_options({}, eviction.get("deleteOptions") or {})
    if options.dry_run:
        deleting.dryRun = ["All"]
    attributes = call.attributes("CREATE", eviction, None, options.dry_run)
    finishes = await core.admission.admit(attributes)
    done = False
    try:
        await core.admission.validate(attributes)
        await delete_object(core, call, deleting)
        done = True
    finally:
        conclude(finishes, done)
    return answer(request, call.query, CREATED, status=201, warnings=warnings)
