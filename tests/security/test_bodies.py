"""Bodies made to hurt: they are refused, soon, and the server goes on.

Not compared with upstream, which takes minutes for some of them (a quantity of 1e999999999).
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from kit.apiserver import Answer, Server, exchange, receive

MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods?dryRun=All"
SOON = 5.0
"""Seconds. The largest of these take one on a quiet machine; without their bounds they'd take minutes."""
DIGITS = "9" * 5000
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


def send(server: Server, line: str, body: Any, media: str = "application/json") -> Answer:
    method, _, target = line.partition(" ")
    begun = time.monotonic()
    answer = server.ask(method, target, body, Content_Type=media)
    assert time.monotonic() - begun < SOON
    return answer


def nested(levels: int, key: str = "a") -> bytes:
    return f'{{"{key}":'.encode() * levels + b"1" + b"}" * levels


def bomb(levels: int, width: int) -> bytes:
    """Each level holds the one below `width` times."""
    lines = ["metadata: {name: bomb}", "a0: &a0 [x]"]
    for level in range(1, levels):
        inner = ",".join([f"*a{level - 1}"] * width)
        lines.append(f"a{level}: &a{level} [{inner}]")
    return "\n".join(lines).encode()


@pytest.mark.parametrize(("levels", "width"), [(8, 10), (9, 11), (30, 2), (3, 3000)])
def test_yaml_bombs(levels: int, width: int, server: Server) -> None:
    answer = send(server, f"POST {MAPS}?dryRun=All", bomb(levels, width), "application/yaml")
    assert answer.status == 400
    assert "excessive aliasing" in answer.message
    text = b"apiVersion: v1\nkind: ConfigMap\n" + bomb(levels, width)
    answer = send(server, f"PATCH {MAPS}/bomb?fieldManager=m&dryRun=All", text, APPLY)
    assert answer.status == 400


@pytest.mark.parametrize(
    "text",
    [
        "&a {apiVersion: v1, kind: ConfigMap, data: *a}",
        "a: &a [*a]",
        "!!python/object/apply:os.system ['id']",
        "data: {a: !!binary aGk=}",
        "data: !!set {a, b}",
        "data: {a: !!int foo}",
        "data: {a: !!timestamp foo}",
        "data: !!map [a]",
        "data: {a: !x 5}",
        "data: {a: 1:" + ":".join(["59"] * 3000) + "}",
        f"metadata: {{name: x, generation: {DIGITS}}}",
        "metadata: {name: .nan}",
        "metadata: {name: x, generation: 0x_}",
        "metadata: {name: =}",
        "data: {[a]: b}",
        "data: {? {a: b} : c}",
        'metadata: {name: "\\ud800"}',
        'metadata: {name: "\\UFFFFFFFF"}',
        "metadata: {name: x\0}",
        "[" * 3_000_000,
        "metadata: {name: x}\na: [" + "a," * 1_400_000 + "]",
        "metadata: {name: x}\na:\n" + "- a\n" * 700_000,
    ],
    ids=lambda text: text[:30],
)
def test_odd_yaml(text: str, server: Server) -> None:
    assert send(server, f"POST {MAPS}?dryRun=All", text.encode(), "application/yaml").status in (400, 422)


@pytest.mark.parametrize("levels", [300, 900, 990, 2000, 9000, 100_000])
def test_nesting(levels: int, server: Server) -> None:
    """Refused or taken, by every way in."""
    deep = nested(levels)
    managed = (
        b'{"metadata":{"name":"x","managedFields":[{"manager":"m","operation":"Apply","apiVersion":"v1",'
    )
    managed += b'"fieldsType":"FieldsV1","fieldsV1":' + nested(levels, "f:a") + b"}]}}"
    requests = [
        (f"POST {MAPS}?dryRun=All", b'{"metadata":{"name":"x"},"other":' + deep + b"}", "application/json"),
        (f"POST {MAPS}?dryRun=All", managed, "application/json"),
        (f"POST {MAPS}?dryRun=All", deep, "application/yaml"),
        (f"PATCH {MAPS}/kube-root-ca.crt?dryRun=All", deep, MERGE),
        (f"PATCH {MAPS}/kube-root-ca.crt?dryRun=All", deep, STRATEGIC),
        (f"PATCH {MAPS}/x?fieldManager=m&dryRun=All", deep, APPLY),
        (f"DELETE {MAPS}/nothing", deep, "application/json"),
    ]
    for line, body, media in requests:
        assert send(server, line, body, media).status < 500, (line, media)


@pytest.mark.parametrize(
    "quantity",
    [DIGITS, "1e999999999", "1e-999999999", f"0.{DIGITS}", "1e100", "NaN", "1_0", "٣", "0x10", "", "1..2"],
    ids=lambda text: text[:14],
)
def test_quantities(quantity: str, server: Server) -> None:
    container = {"name": "c", "image": "i", "resources": {"limits": {"cpu": quantity}}}
    body = {"metadata": {"name": "q"}, "spec": {"containers": [container]}}
    assert send(server, f"POST {PODS}", body).status == 400


@pytest.mark.parametrize(
    "number", [DIGITS, "1e400", "-1e400", "9" * 400, "1E+99999999999"], ids=lambda n: n[:9]
)
def test_numbers(number: str, server: Server) -> None:
    for body in ('{"metadata":{"name":"x","generation":%s}}', '{"data":%s}', '{"data":{"a":%s}}'):
        for line, media in ((f"POST {MAPS}", "application/json"), (f"PATCH {MAPS}/x", MERGE)):
            answer = send(server, f"{line}?dryRun=All", (body % number).encode(), media)
            assert 400 <= answer.status < 500


@pytest.mark.parametrize(
    "parameter", ["limit", "timeoutSeconds", "resourceVersion", "continue", "labelSelector=a>"]
)
@pytest.mark.parametrize("value", [DIGITS, "٣", "1_0", "+-1"], ids=lambda text: text[:4])
def test_numbers_in_the_query(parameter: str, value: str, server: Server) -> None:
    target = f"{MAPS}?{parameter}={value}".encode().decode("latin-1").replace(">", "%3E").replace("+", "%2B")
    quoted = "".join(c if ord(c) < 128 else f"%{ord(c):02X}" for c in target)
    assert server.ask("GET", quoted).status == 400


def test_a_patch_that_doubles_what_it_copies(server: Server) -> None:
    operations: list[dict[str, Any]] = [{"op": "add", "path": "/x", "value": ["a" * 1000]}]
    operations += [{"op": "copy", "from": "/x", "path": "/x/-"}] * 40
    assert server.ask("POST", MAPS, {"metadata": {"name": "copied"}}).status == 201
    answer = send(server, f"PATCH {MAPS}/copied", operations, JSON_PATCH)
    assert (answer.status, answer.json["reason"]) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize(
    "text", [b'"\xff\xfe"', b'"\\ud800"', b'"\\ud800\\ud800"', b'"\\udc00\\ud800"'], ids=repr
)
def test_text_that_is_no_text(text: bytes, server: Server) -> None:
    """Read as Go reads it: what is no character becomes U+FFFD."""
    for more in (b"", b',"immutable":null'):
        body = b'{"metadata":{"name":"x"},"data":{"a":' + text + b"}" + more + b"}"
        answer = send(server, f"POST {MAPS}?dryRun=All", body)
        assert answer.status == 201
        assert set(answer.json["data"]["a"]) == {"\ufffd"}
    assert send(server, f"PATCH {MAPS}/kube-root-ca.crt", b'{"data":{"a":' + text + b"}}", MERGE).status < 500


MANY = {
    "nulls": b'{"metadata":{"name":"x"},"a":[' + b"null," * 200_000 + b"1]}",
    "unknown fields": b'{"metadata":{"name":"x"},' + b",".join(b'"%d":1' % n for n in range(80_000)) + b"}",
    "one key": b'{"metadata":{"name":"x"},' + b",".join([b'"a":1'] * 130_000) + b"}",
}


@pytest.mark.parametrize("what", MANY)
def test_many_small_things(what: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("http.client._MAXHEADERS", 1000)
    answer = send(server, f"POST {MAPS}?dryRun=All&fieldValidation=Strict", MANY[what])
    assert answer.status == 400
    assert len(answer.body) < 10_000
    answer = send(server, f"POST {MAPS}?dryRun=All", MANY[what])
    assert answer.status == 201
    assert len(str(answer.headers)) < 20_000


LARGE = json.dumps({"metadata": {"name": "large"}, "data": {"a": "x" * 4_000_000}}).encode()
TOO_LARGE = "Request entity too large: limit is 3145728"


@pytest.mark.parametrize("line", [f"POST {MAPS}", f"PUT {MAPS}/a", f"PATCH {MAPS}/a", f"DELETE {MAPS}/a"])
def test_four_megabytes(line: str, server: Server) -> None:
    answer = send(server, line, LARGE)
    assert (answer.status, answer.json["reason"], answer.message) == (413, "RequestEntityTooLarge", TOO_LARGE)


def test_four_megabytes_in_chunks(server: Server) -> None:
    head = server.head("POST", MAPS, {"Content-Length": "", "Transfer-Encoding": "chunked"}, 0)
    pieces = [LARGE[at : at + 50_000] for at in range(0, len(LARGE), 50_000)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    with server.connect() as connection:
        answer = exchange(connection, head + chunks + b"0\r\n\r\n", "POST")
    assert (answer.status, answer.message) == (413, TOO_LARGE)


def test_a_large_body_is_refused_before_it_is_sent(server: Server) -> None:
    with server.connect() as connection:
        answer = exchange(connection, server.head("POST", MAPS, {"Expect": "100-continue"}, 10**12), "POST")
    assert answer.status == 413


def test_the_largest_body_and_another_request_after_it(server: Server) -> None:
    """A body of exactly the limit is read, and the connection stays in step."""
    size = 3 * 1024 * 1024
    with server.connect() as connection:
        head = server.head("POST", MAPS, {}, size)
        assert exchange(connection, head + b" " * size, "POST").status == 400
        connection.sendall(server.head("GET", MAPS, {}, 0))
        assert receive(connection).status == 200
