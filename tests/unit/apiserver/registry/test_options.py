from __future__ import annotations

import pytest

from wherry.api.errors import ApiError
from wherry.apiserver.registry import options


def refused(query: str) -> str:
    with pytest.raises(ApiError) as caught:
        options.list_options(options.parse(query))
    return caught.value.message


def test_parsing() -> None:
    assert options.parse("") == {}
    assert options.parse("a=1&a=2&b=x%20y+z&c") == {"a": "1", "b": "x y z", "c": ""}
    with pytest.raises(ApiError):
        options.parse("a=" + "x" * 70_000)


def test_booleans() -> None:
    assert [options.truth(t) for t in ("true", "1", "", "false", "0", "False")] == [True] * 3 + [False] * 3


def test_lists() -> None:
    found = options.list_options(
        options.parse("labelSelector=a%3Db&limit=5&resourceVersion=0&watch=true&timeoutSeconds=9")
    )
    assert str(found.labels) == "a=b"
    assert (found.limit, found.resource_version, found.watch, found.timeout) == (5, "0", True, 9)
    assert options.list_options({}) is options.EVERYTHING
    assert options.list_options(options.parse("limit=-3")).limit == 0


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("labelSelector=a%20b", "unable to parse requirement"),
        ("fieldSelector=x", "can't understand 'x'"),
        ("limit=x", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("resourceVersionMatch=Exact", "forbidden unless resourceVersion is provided"),
        ("resourceVersion=1&resourceVersionMatch=X", 'Unsupported value: "X"'),
        ("resourceVersion=0&resourceVersionMatch=Exact", 'forbidden for resourceVersion "0"'),
        ("resourceVersion=1&resourceVersionMatch=Exact&continue=x", "forbidden when continue is provided"),
        ("sendInitialEvents=true", "sendInitialEvents is forbidden for list"),
        ("watch=1&sendInitialEvents=true", "requires setting resourceVersionMatch to NotOlderThan"),
        ("watch=1&resourceVersionMatch=Exact", "forbidden for watch"),
    ],
)
def test_lists_refused(query: str, words: str) -> None:
    assert words in refused(query)


def test_writes() -> None:
    found = options.write_options(
        options.parse("dryRun=All&fieldManager=me&fieldValidation=Strict"), "CreateOptions"
    )
    assert found == options.WriteOptions(True, "me", "Strict")
    assert options.manager_name(found, "kubectl/v1") == "me"
    assert options.manager_name(options.WriteOptions(), "kubectl/v1 (linux)") == "kubectl"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("dryRun=Some", 'dryRun: Unsupported value: ["Some"]: supported values: "All"'),
        ("fieldValidation=x", 'supported values: "", "Ignore", "Strict", "Warn"'),
        ("fieldManager=" + "x" * 129, "fieldManager: Too long"),
        ("fieldManager=%01", "fieldManager: Invalid value"),
        ("force=true", "may not be specified for non-apply patch"),
    ],
)
def test_writes_refused(query: str, words: str) -> None:
    with pytest.raises(ApiError) as caught:
        options.write_options(options.parse(query), "PatchOptions")
    assert words in caught.value.message
    assert caught.value.code == 422


def test_apply_needs_a_manager() -> None:
    with pytest.raises(ApiError, match="is required for apply patch"):
        options.apply_options({})
    assert options.apply_options(options.parse("fieldManager=a&force=true")).force


def test_deletes() -> None:
    found = options.delete_options(
        {}, {"gracePeriodSeconds": 3, "preconditions": {"uid": "u"}, "dryRun": ["All"]}
    )
    assert (found.gracePeriodSeconds, found.uid, found.dry_run) == (3, "u", True)
    found = options.delete_options(options.parse("gracePeriodSeconds=4&propagationPolicy=Orphan"), None)
    assert (found.gracePeriodSeconds, found.propagationPolicy) == (4, "Orphan")
    assert options.delete_options(options.parse("orphanDependents=false"), None).orphanDependents is False


@pytest.mark.parametrize(
    "body",
    [
        {"propagationPolicy": "X"},
        {"propagationPolicy": "Orphan", "orphanDependents": True},
        {"dryRun": ["x"]},
    ],
)
def test_deletes_refused(body: dict[str, object]) -> None:
    with pytest.raises(ApiError) as caught:
        options.delete_options({}, body)
    assert caught.value.code == 422
