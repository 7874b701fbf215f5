"""The same requests, in the same order, to upstream's API server and to wherry's; the answers must agree.

The reference is a directory with `url`, `token` and `pki/ca.crt`, named by WHERRY_REFERENCE. Everything
happens in one namespace of its own. What differs from run to run (uids, times, revisions) is masked, and
so is what is known to be different on purpose: see `KNOWN`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from wherry.api.scheme import builtin
from wherry.apiserver.app import ApiServer
from wherry.apiserver.attributes import LOOPBACK
from wherry.apiserver.settings import ApiServerSettings
from wherry.component import Env
from wherry.etcd.open import open_store
from wherry.http.messages import Peer, Request

REFERENCE = os.environ.get("WHERRY_REFERENCE", "")
HERE = Path(__file__).parent
SPACE = "wherry-differential-registry"
AGENT = "differ/1.0"

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE, reason="WHERRY_REFERENCE names no upstream API server"),
]


@dataclass(frozen=True)
class Step:
    """A request: `POST path?query`, its body (an object, or text) and its content type."""

    line: str
    body: Any = None
    media: str = "application/json"
    accept: str = "application/json"

    @property
    def data(self) -> bytes:
        if self.body is None:
            return b""
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    warnings: tuple[str, ...]


_MEDIA = {
    "json": "application/json",
    "yaml": "application/yaml",
    "json-patch": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
_ACCEPT = {
    "table": "application/json;as=Table;v=v1;g=meta.k8s.io",
    "partial": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "partial-list": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
}


def scenarios() -> dict[str, list[Step]]:
    loaded = yaml.safe_load((HERE / "registry_requests.yaml").read_text())
    return {name: [_step(entry) for entry in steps] for name, steps in loaded.items()}


def _step(entry: dict[str, Any]) -> Step:
    line = re.sub(r"^(\w+) (?!/)", rf"\1 /api/v1/namespaces/{SPACE}/", entry["do"])
    line = line.replace("NAMESPACE", SPACE)
    media = _MEDIA.get(entry.get("as", "json"), entry.get("as", ""))
    accept = entry.get("accept", "application/json")
    body = entry.get("body")
    if isinstance(body, dict):
        body = json.loads(json.dumps(body).replace("NAMESPACE", SPACE))
    return Step(line, body, media, _ACCEPT.get(accept, accept))


def upstream(step: Step) -> Answer:
    root = Path(REFERENCE)
    method, _, path = step.line.partition(" ")
    request = urllib.request.Request(
        (root / "url").read_text().strip() + path,
        data=step.data or None,
        method=method,
        headers={
            "Authorization": f"Bearer {(root / 'token').read_text().strip()}",
            "Content-Type": step.media,
            "Accept": step.accept,
            "User-Agent": AGENT,
        },
    )
    context = ssl.create_default_context(cafile=str(root / "pki" / "ca.crt"))
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return _answer(answer.status, answer.read(), answer.headers.get_all("Warning") or [])
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.read(), error.headers.get_all("Warning") or [])


def _answer(status: int, body: bytes, warnings: list[str]) -> Answer:
    texts = tuple(json.loads(text.split(" ", 2)[2]) for text in warnings)
    try:
        return Answer(status, json.loads(body), texts)
    except ValueError:
        return Answer(status, [json.loads(line) for line in body.decode().splitlines() if line], texts)


class Ours:
    """A server in this process, without controllers: what they would have made is made by hand."""

    def __init__(self) -> None:
        env = Env(rng=random.Random(1))
        self.store = open_store(None, env)
        self.server = ApiServer(self.store, env, ApiServerSettings())

    async def ask(self, step: Step) -> Answer:
        method, _, target = step.line.partition(" ")
        path, _, query = target.partition("?")
        headers = {"content-type": step.media, "accept": step.accept, "user-agent": AGENT}
        peer = Peer(state={"user": LOOPBACK})
        response = await self.server.handle(Request(method, path, query, headers, step.data, peer))
        body = response.body
        if response.stream is not None:
            body = b"".join([chunk async for chunk in response.stream])
        warnings = [value for name, value in response.headers if name == "Warning"]
        return _answer(response.status, body, warnings)


_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def masked(value: Any) -> Any:
    """Without uids, times, revisions and generated letters."""
    text = json.dumps(value, sort_keys=True)
    text = _TIME.sub("TIME", _UID.sub("UID", text))
    text = re.sub(r"kube-api-access-\w{5}", "kube-api-access-xxxxx", text)
    text = re.sub(r'("resourceVersion\\*": \\*)"\d+\\*"', r'\1"N"', text)
    text = re.sub(r"\(\d+\)", "(N)", text)
    text = re.sub(r"current: \d+", "current: N", text)
    text = re.sub(r'"generated-\w{5}"', '"generated-xxxxx"', text)
    text = re.sub(r'"description": "[^"]*"', '"description": "TEXT"', text)
    text = re.sub(r'"\d+s"', '"AGE"', text)
    text = text.replace(", application/vnd.kubernetes.protobuf", "")
    return _without_known(json.loads(text))


def _without_known(value: Any) -> Any:
    """Differences that are meant: list items that say their kind, causes that upstream repeats, a watch's
    last bookmark, and which address an allocator gave."""
    if isinstance(value, dict):
        for item in value.get("items") or () if str(value.get("kind", "")).endswith("List") else ():
            item.pop("kind", None)
            item.pop("apiVersion", None)
        causes = value.get("causes")
        if isinstance(causes, list):
            value["causes"] = [c for i, c in enumerate(causes) if c not in causes[:i]]
        if "clusterIP" in value and value["clusterIP"] != "None":
            value["clusterIP"], value["clusterIPs"] = "IP", ["IP"]
        if isinstance(value.get("managedFields"), list):  # upstream's order is by time first
            value["managedFields"].sort(key=lambda e: (e.get("manager", ""), e.get("operation", ""), str(e)))
        if value.get("continue"):
            value["continue"] = "TOKEN"
        return {key: _without_known(child) for key, child in value.items()}
    if isinstance(value, list):
        frames = [child for i, child in enumerate(value) if not _repeats(child, value[:i])]
        return [_without_known(child) for child in frames]
    return value


def _repeats(frame: Any, before: list[Any]) -> bool:
    """Ours says at the end of a watch where it stood, upstream's only when it lasted long enough."""
    return (
        isinstance(frame, dict)
        and frame.get("type") == "BOOKMARK"
        and len(before) > 0
        and (before[-1].get("type") == "BOOKMARK")
    )


@pytest.fixture(scope="module")
def space() -> Iterator[None]:
    _clear()
    _until(Step("POST /api/v1/namespaces", {"metadata": {"name": SPACE}}), 201)
    for made in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
        _until(Step(f"GET /api/v1/namespaces/{SPACE}/{made}"), 200)
    yield
    _clear()


def _until(step: Step, status: int) -> None:
    for _ in range(600):
        if upstream(step).status == status:
            return
        time.sleep(0.1)
    raise AssertionError(f"{step.line} does not give {status}")


def _clear() -> None:
    """Takes the namespace away, and the finalizers of what a failed scenario left in it."""
    where = f"/api/v1/namespaces/{SPACE}"
    for kind in ("configmaps", "pods"):
        for item in upstream(Step(f"GET {where}/{kind}")).body["items"]:
            if item["metadata"].get("finalizers"):
                name = item["metadata"]["name"]
                free = {"metadata": {"finalizers": None}}
                upstream(Step(f"PATCH {where}/{kind}/{name}", free, _MEDIA["merge"]))
    upstream(Step(f"DELETE {where}"))


async def _ours(steps: list[Step]) -> list[Answer]:
    side = Ours()
    async with side.server.running():
        await side.ask(Step("POST /api/v1/namespaces", {"metadata": {"name": SPACE}}))
        where = f"/api/v1/namespaces/{SPACE}"
        await side.ask(Step(f"POST {where}/serviceaccounts", {"metadata": {"name": "default"}}))
        answers = [await side.ask(step) for step in steps]
    await side.store.close()
    return answers


def corpus() -> list[Step]:
    """Every object of the kinds' corpus, created for show."""
    steps = []
    for obj in yaml.safe_load_all((HERE / "kinds_corpus.yaml").read_text()):
        found = builtin().for_kind(obj["apiVersion"], obj["kind"])
        assert found is not None
        steps.append(Step(f"POST {found.path(SPACE)}?dryRun=All", obj))
    return steps


@pytest.mark.parametrize("step", corpus(), ids=lambda s: f"{s.body['kind']}/{s.body['metadata']['name']}")
def test_created_objects_agree_with_their_managers(step: Step, space: None) -> None:
    mine, theirs = asyncio.run(_ours([step]))[0], upstream(step)
    assert mine.status == theirs.status, f"ours:     {mine.body}\nupstream: {theirs.body}"
    assert masked(mine.body) == masked(theirs.body)


@pytest.mark.parametrize("name", scenarios())
def test_answers_agree(name: str, space: None) -> None:
    steps = scenarios()[name]
    here = asyncio.run(_ours(steps))
    for step, mine in zip(steps, here, strict=True):
        theirs = upstream(step)
        where = f"{step.line} {step.body}"
        assert mine.status == theirs.status, f"{where}\nours:     {mine.body}\nupstream: {theirs.body}"
        assert masked(mine.body) == masked(theirs.body), where
        assert mine.warnings == theirs.warnings, where
