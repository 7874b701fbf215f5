from __future__ import annotations

import asyncio
import gzip
import json

import pytest
import yaml

from wherry.api import errors
from wherry.apiserver.registry import respond
from wherry.apiserver.registry.negotiation import Accept
from wherry.http.messages import Request, Response

BODY = b'{"kind":"ConfigMap","data":{"a":"b"}}'


def request(**headers: str) -> Request:
    return Request("GET", "/", headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_bytes_go_out_as_they_are() -> None:
    assert respond.answer(request(), {}, BODY).body is BODY


def test_pretty_for_human_eyes_or_on_request() -> None:
    pretty = b'{\n  "kind": "ConfigMap",\n  "data": {\n    "a": "b"\n  }\n}\n'
    assert respond.answer(request(user_agent="curl/8"), {}, BODY).body == pretty
    assert respond.answer(request(), {"pretty": "true"}, BODY).body == pretty
    assert respond.answer(request(user_agent="curl/8"), {"pretty": "false"}, BODY).body == BODY


def test_yaml() -> None:
    answer = respond.answer(request(), {}, BODY, accept=Accept(yaml=True))
    assert answer.content_type == "application/yaml"
    assert yaml.safe_load(answer.body) == json.loads(BODY)


def test_large_bodies_are_compressed_for_who_can_read_them() -> None:
    large = json.dumps({"data": "x" * respond.GZIP_FROM}).encode()
    answer = respond.answer(request(accept_encoding="gzip"), {}, large)
    assert ("Content-Encoding", "gzip") in answer.headers
    assert gzip.decompress(answer.body) == large
    assert respond.answer(request(), {}, large).body == large
    assert respond.answer(request(accept_encoding="gzip"), {}, BODY).body == BODY


def test_warnings_are_quoted_and_given_once() -> None:
    headers = respond.warning_headers(('unknown field "a"', 'unknown field "a"', "two\nlines"))
    assert headers == (("Warning", '299 - "unknown field \\"a\\""'), ("Warning", '299 - "two lines"'))


def test_refusals_are_statuses() -> None:
    answer = respond.refusal(errors.not_found("apps", "deployments", "x"))
    assert answer.status == 404
    assert json.loads(answer.body)["details"] == {"name": "x", "group": "apps", "kind": "deployments"}


def test_what_is_deprecated_says_so_in_answers_and_refusals() -> None:
    async def verb(found: bool) -> Response:
        if not found:
            raise errors.not_found("", "endpoints", "x")
        return Response(200, BODY)

    warned = respond.with_warning(verb, "old")
    assert asyncio.run(warned(True)).headers == (("Warning", '299 - "old"'),)
    with pytest.raises(errors.ApiError) as refused:
        asyncio.run(warned(False))
    assert refused.value.headers == (("Warning", '299 - "old"'),)
