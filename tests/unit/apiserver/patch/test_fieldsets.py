from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wherry.apiserver.patch import fieldsets
from wherry.apiserver.patch.fieldsets import FieldSet, Path

PATHS = st.lists(st.sampled_from(["f:a", "f:b", "k:{}", "v:1"]), min_size=1, max_size=3).map(tuple)
MEMBERS = st.sets(PATHS, max_size=8)


def made(paths: set[Path]) -> FieldSet:
    """The set that has just these members."""
    root: dict[str, Any] = {}
    for path in sorted(paths):
        node = root
        for edge in path:
            node = node.setdefault(edge, {})
        node["."] = {}

    def closed(node: FieldSet) -> FieldSet:
        return {} if set(node) == {"."} else {e: ({} if e == "." else closed(n)) for e, n in node.items()}

    return closed(root)


def members(found: FieldSet) -> set[Path]:
    return set(fieldsets.paths(found))


@given(MEMBERS, MEMBERS)
def test_the_algebra_is_that_of_sets(a: set[Path], b: set[Path]) -> None:
    x, y = made(a), made(b)
    assert members(fieldsets.union(x, y)) == a | b
    assert members(fieldsets.difference(x, y)) == a - b
    assert members(fieldsets.intersection(x, y)) == a & b
    assert (members(x), members(y)) == (a, b)


@given(MEMBERS, MEMBERS)
def test_results_are_in_one_form(a: set[Path], b: set[Path]) -> None:
    x, y = made(a), made(b)
    assert fieldsets.union(x, y) == made(a | b)
    assert fieldsets.difference(x, y) == made(a - b)
    assert fieldsets.intersection(x, y) == made(a & b)


@given(MEMBERS, PATHS)
def test_membership(a: set[Path], path: Path) -> None:
    assert fieldsets.has(made(a), path) == (path in a)


@given(MEMBERS)
def test_leaves_have_nothing_below(a: set[Path]) -> None:
    found = set(fieldsets.leaves(made(a)))
    assert found == {p for p in a if not any(q != p and q[: len(p)] == p for q in a)}


def test_edges() -> None:
    assert (
        fieldsets.key_edge({"protocol": "TCP", "containerPort": 80})
        == 'k:{"containerPort":80,"protocol":"TCP"}'
    )
    assert fieldsets.value_edge("a.b/c") == 'v:"a.b/c"'


def test_paths_as_they_are_told() -> None:
    path = ("f:spec", "f:containers", 'k:{"name":"a"}', "f:image")
    assert fieldsets.show(path) == '.spec.containers[name="a"].image'
    assert fieldsets.show(("f:metadata", "f:finalizers", 'v:"x"')) == '.metadata.finalizers[="x"]'
