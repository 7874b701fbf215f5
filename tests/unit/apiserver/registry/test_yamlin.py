from __future__ import annotations

import pytest

from wherry.apiserver.registry import yamlin
from wherry.apiserver.registry.yamlin import YamlError


def test_what_json_can_say() -> None:
    text = b"a: 1\nb: [x, true, null]\nc: {1: one, x: yes}\nd: 2020-01-01\ne: |\n  two\n  lines\n"
    assert yamlin.load(text).value == {
        "a": 1,
        "b": ["x", True, None],
        "c": {"1": "one", "x": True},
        "d": "2020-01-01",
        "e": "two\nlines\n",
    }


def test_keys_that_occur_twice_are_told() -> None:
    loaded = yamlin.load(b"a: 1\na: 2\n")
    assert loaded.value == {"a": 2}
    assert len(loaded.duplicates) == 1


def test_aliases_are_followed_but_may_not_explode() -> None:
    assert yamlin.load(b"a: &x [1]\nb: *x\n").value == {"a": [1], "b": [1]}
    bomb = b"a0: &a0 [x]\n" + b"".join(
        b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 12)
    )
    with pytest.raises(YamlError):
        yamlin.load(bomb)


@pytest.mark.parametrize(
    "text",
    [
        b"a: [",
        b"\xff",
        b"a: !!python/object:os.system x",
        b"? [a]\n: b",
        b"[" * 200 + b"]" * 200,
    ],
)
def test_refused(text: bytes) -> None:
    with pytest.raises(YamlError):
        yamlin.load(text)
