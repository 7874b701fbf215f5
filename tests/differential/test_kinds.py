"""Every object of kinds_corpus.yaml comes back the same here and from upstream's API server, and every one
of kinds_refused.yaml is refused in the same words.

The reference is a directory with `url`, `token` and `pki/ca.crt`, named by WHERRY_REFERENCE. All requests
are dry runs: nothing is left there. Where upstream's own order is Go's random map order, messages are
compared without it.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import random
import re
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from wherry.api import errors, scheme
from wherry.api.errors import ApiError
from wherry.api.scheme import Resource
from wherry.apiserver.admission import chain
from wherry.apiserver.admission.settings import AdmissionSettings
from wherry.apiserver.attributes import Attributes, RequestInfo, User
from wherry.apiserver.kinds.table import STRATEGIES
from wherry.apiserver.registry import objectmeta
from wherry.apiserver.registry.strategy import Context
from wherry.component import Env

REFERENCE = os.environ.get("WHERRY_REFERENCE", "")
HERE = Path(__file__).parent
CORPUS = list(yaml.safe_load_all((HERE / "kinds_corpus.yaml").read_text()))
REFUSED = yaml.safe_load((HERE / "kinds_refused.yaml").read_text())
BY_NAME = {f"{obj['kind']}/{obj['metadata']['name']}": obj for obj in CORPUS}

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE, reason="WHERRY_REFERENCE names no upstream API server"),
]


class Defaults:
    """The state a fresh cluster has, as far as admission asks."""

    def get(self, resource: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        if resource == "namespaces":
            return {"metadata": {"name": name}, "status": {"phase": "Active"}}
        if resource == "serviceaccounts" and name == "default":
            return {"metadata": {"name": name, "namespace": namespace}}
        return None

    def list(self, resource: str, namespace: str = "") -> list[dict[str, Any]]:
        return []


def upstream(resource: Resource, obj: dict[str, Any]) -> tuple[int, dict[str, Any], list[str]]:
    root = Path(REFERENCE)
    namespace = "default" if resource.namespaced else ""
    request = urllib.request.Request(
        (root / "url").read_text().strip() + resource.path(namespace) + "?dryRun=All",
        data=json.dumps(obj).encode(),
        headers={
            "Authorization": f"Bearer {(root / 'token').read_text().strip()}",
            "Content-Type": "application/json",
        },
    )
    context = ssl.create_default_context(cafile=str(root / "pki" / "ca.crt"))
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            warned = answer.headers.get_all("Warning") or []
            texts = [json.loads(text.split(" ", 2)[2]) for text in warned]
            return answer.status, json.load(answer), texts
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), []


async def ours(resource: Resource, obj: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A create, without a server around it."""
    strategy, obj = STRATEGIES[resource.group_resource], copy.deepcopy(obj)
    namespace = "default" if resource.namespaced else ""
    if namespace:
        obj["metadata"]["namespace"] = namespace
    strategy.default(obj)
    where = (resource.group, resource.version, resource.name, "", namespace, "")
    info = RequestInfo("create", "", True, *where)
    attributes = Attributes("CREATE", info, resource, User("admin"), obj, None, True)
    plugins = chain.plugins(Defaults(), Env(rng=random.Random(1)), AdmissionSettings())
    chosen = [plugin for plugin in plugins if plugin.handles(resource, "", "CREATE")]
    for plugin in chosen:
        await plugin.admit(attributes)
    obj["metadata"]["uid"] = "UID"
    strategy.prepare_create(obj, Context(0.0, "admin"))
    if strategy.generation:
        obj["metadata"]["generation"] = 1
    strategy.default(obj)
    problems = objectmeta.validate(obj["metadata"], resource.namespaced, strategy.name_rule)
    problems += strategy.validate(obj)
    if problems:
        raise errors.invalid(resource.group, resource.kind, obj["metadata"].get("name", ""), problems)
    for plugin in chosen:
        await plugin.validate(attributes)
    always = [strategy.deprecated] if strategy.deprecated else []
    return obj, [*always, *strategy.warnings(obj, None)]


_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def masked(value: Any) -> Any:
    """Without what differs from one run to the next."""
    text = json.dumps(value, sort_keys=True)
    text = _UID.sub("UID", text)
    text = re.sub(r"kube-api-access-\w{5}", "kube-api-access-xxxxx", text)
    text = re.sub(r'("(?:lastTransitionTime|lastPhaseTransitionTime)": )"[^"]*"', r'\1"T"', text)
    return json.loads(text)


def without_server_fields(obj: dict[str, Any]) -> dict[str, Any]:
    obj = masked(obj)
    for field in ("uid", "creationTimestamp", "managedFields", "resourceVersion"):
        obj["metadata"].pop(field, None)
    return obj


def resource_of(obj: dict[str, Any]) -> Resource:
    found = scheme.builtin().for_kind(obj["apiVersion"], obj["kind"])
    assert found is not None
    return found


@pytest.mark.parametrize("obj", CORPUS, ids=lambda o: f"{o['kind']}-{o['metadata']['name']}")
def test_created_alike(obj: dict[str, Any]) -> None:
    resource = resource_of(obj)
    status, theirs, their_warnings = upstream(resource, obj)
    assert status == 201, theirs.get("message")
    made, warnings = asyncio.run(ours(resource, obj))
    assert without_server_fields(made) == without_server_fields(theirs)
    assert sorted(warnings) == sorted(their_warnings)


def changed(case: dict[str, Any]) -> dict[str, Any]:
    obj = copy.deepcopy(BY_NAME[case["base"]])
    for path, value in case["set"].items():
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place: Any = obj
        for part in parents:
            place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]
        if value is None:
            place.pop(last, None)
        elif isinstance(place, list) and last == len(place):
            place.append(value)
        else:
            place[last] = value
    return obj


def words(status: dict[str, Any]) -> tuple[Any, ...]:
    """Reason, the message without its list, and the list in any order."""
    message = masked(status["message"])
    causes = (status.get("details") or {}).get("causes") or ()
    listed = sorted({f"{cause['field']}: {cause['message']}" for cause in map(masked, causes)})
    return status["reason"], message if len(listed) < 2 else message.partition(" is invalid: ")[0], listed


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["base"].replace("/", "-"))
def test_refused_alike(case: dict[str, Any]) -> None:
    obj = changed(case)
    resource = resource_of(obj)
    status, theirs, _ = upstream(resource, obj)
    assert status >= 400
    with pytest.raises(ApiError) as caught:
        asyncio.run(ours(resource, obj))
    assert caught.value.code == status
    assert words(caught.value.status()) == words(theirs)
