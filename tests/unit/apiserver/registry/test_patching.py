from __future__ import annotations

from typing import Any

import pytest

from wherry.api.errors import ApiError
from wherry.apiserver.patch.go_text import printed

from .room import JSON_PATCH, MERGE, STRATEGIC, Room, config_map, pod, run


def test_four_kinds() -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", config_map("a", {"k": "v"}))
        done = await room.patch("configmaps/a", {"data": {"l": "w"}}, MERGE)
        assert done["data"] == {"k": "v", "l": "w"}
        done = await room.patch("configmaps/a", [{"op": "remove", "path": "/data/k"}], JSON_PATCH)
        assert done["data"] == {"l": "w"}
        done = await room.patch("configmaps/a", {"data": {"$patch": "replace", "m": "x"}}, STRATEGIC)
        assert done["data"] == {"m": "x"}
        done = await room.patch("configmaps/a", {"data": {"m": None}}, MERGE)
        assert "data" not in done

    run(body)


@pytest.mark.parametrize(
    ("media", "patch", "code", "words"),
    [
        (MERGE, b"xx", 400, "error decoding patch: invalid character 'x' looking for beginning of value"),
        (MERGE, [1], 400, "json: cannot unmarshal array into Go value of type map[string]interface {}"),
        (STRATEGIC, b"xx", 400, "invalid character 'x'"),
        (STRATEGIC, {"data": {"$patch": "x"}}, 400, "unknown patch type: x"),
        (JSON_PATCH, {}, 400, "error decoding patch: json: cannot unmarshal object into Go value of type []"),
        (
            JSON_PATCH,
            [{"op": "remove", "path": "/x"}],
            422,
            "the server rejected our request due to an error",
        ),
        (MERGE, {"metadata": {"name": "b"}}, 400, "does not match the name on the URL"),
        (MERGE, {"metadata": {"resourceVersion": "1"}}, 409, "the object has been modified"),
        (MERGE, {"data": {"k": 5}}, 422, "json: cannot unmarshal number into Go struct field ConfigMap.data"),
        (MERGE, {"metadata": 5}, 422, "patch: Invalid value"),
        (MERGE, {"kind": "Secret"}, 422, "converting (v1.Secret) to (core.ConfigMap): unknown conversion"),
        ("text/plain", {}, 415, "415: Unsupported Media Type"),
    ],
)
def test_refused(media: str, patch: Any, code: int, words: str) -> None:
    async def body(room: Room) -> None:
        before = await room.post("configmaps", config_map("a"))
        with pytest.raises(ApiError) as caught:
            await room.patch("configmaps/a", patch, media)
        assert caught.value.code == code
        assert words in caught.value.message
        assert await room.get("configmaps/a") == before

    run(body)


def test_unknown_fields() -> None:
    async def body(room: Room) -> None:
        await room.post("configmaps", config_map("a"))
        warned = await room.ask("PATCH configmaps/a", {"nonsense": 1}, content_type=MERGE)
        assert warned.headers == (("Warning", '299 - "unknown field \\"nonsense\\""'),)
        with pytest.raises(ApiError, match='strict decoding error: unknown field "nonsense"'):
            await room.patch("configmaps/a?fieldValidation=Strict", {"nonsense": 1}, STRATEGIC)
        quiet = await room.ask(
            "PATCH configmaps/a?fieldValidation=Ignore", {"nonsense": 1}, content_type=MERGE
        )
        assert quiet.headers == ()

    run(body)


def test_what_is_not_touched_keeps_its_nulls() -> None:
    async def body(room: Room) -> None:
        await room.post("pods", pod("p"))
        await room.patch(
            "pods/p/status", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, STRATEGIC
        )
        done = await room.patch("pods/p/status", {"status": {"phase": "Running"}}, STRATEGIC)
        assert done["status"]["conditions"][0]["lastProbeTime"] is None

    run(body)


def test_values_as_go_prints_them() -> None:
    assert printed({"b": [1, True, None], "a": {"x": "y"}}) == "map[a:map[x:y] b:[1 true <nil>]]"
