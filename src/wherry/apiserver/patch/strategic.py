"""Strategic merge patch (`k8s.io/apimachinery/pkg/util/strategicpatch`).

A merge patch that knows the schema: lists with a merge key are merged item by item, lists of scalars
with the `merge` strategy become unions, and directives say the rest.

    $patch: replace | delete | merge      of a map, or of an item of a keyed list
    $deleteFromPrimitiveList/finalizers   values to take out of a list of scalars
    $setElementOrder/containers           the order of a list's items after the merge
    $retainKeys                           the only keys a map may keep

`apply` gives a new document and changes neither argument.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from wherry.api import schema
from wherry.api.schema import Definition
from wherry.apiserver.patch.go_text import printed

_PATCH = "$patch"
_DELETE_LIST = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"
_RETAIN = "$retainKeys"


class StrategicError(ValueError):
    """The patch makes no sense, by itself or for this schema."""


class Node(NamedTuple):
    """A place in the schema. `strategy` and `key` are the patch markers of the field it is."""

    definition: Definition
    strategy: tuple[str, ...] = ()
    key: str = ""

    def child(self, field: str) -> Node:
        target = _resolved(self.definition)
        found = target.get("properties", {}).get(field)
        if found is None:
            found = target.get("additionalProperties") or {}
        if not isinstance(found, dict):
            found = {}
        strategy = tuple(found.get("x-kubernetes-patch-strategy", "").split(","))
        return Node(found, strategy, found.get("x-kubernetes-patch-merge-key", ""))

    def items(self) -> Node:
        return Node(_resolved(self.definition).get("items", {}))

    @property
    def merges(self) -> bool:
        return "merge" in self.strategy

    @property
    def replaces(self) -> bool:
        return "replace" in self.strategy


def _resolved(definition: Definition) -> Definition:
    while "$ref" in definition:
        definition = schema.definition(definition["$ref"])
    return definition


def apply(document: dict[str, Any], patch: dict[str, Any], definition: str) -> dict[str, Any]:
    """The document patched, by the schema of a definition. Raises StrategicError."""
    return _merge_map(document, patch, Node({"$ref": definition}))


def _merge_map(original: dict[str, Any] | None, patch: dict[str, Any], node: Node) -> dict[str, Any]:
    if _PATCH in patch:
        match patch[_PATCH]:
            case "replace":
                replaced: dict[str, Any] = _clean({k: v for k, v in patch.items() if k != _PATCH})
                return replaced
            case "delete":
                return {}
            case "merge":
                patch = {k: v for k, v in patch.items() if k != _PATCH}
            case other:
                raise StrategicError(f"unknown patch type: {other} in map: {printed(patch)}")
    out = dict(original or {})
    if _RETAIN in patch:
        patch = _retain(out, patch)
    done = _ordered_lists(out, patch, node)
    for key, value in patch.items():
        if key.startswith(_ORDER) or key in done:
            continue
        deletes = key.startswith(_DELETE_LIST)
        name = key.removeprefix(_DELETE_LIST)
        if value is None:
            out.pop(name, None)
        elif name not in out or not _same_kind(out[name], value):
            if not deletes:
                out[name] = _clean(value)
        else:
            out[name] = _merge_value(out[name], value, node.child(name), deletes)
    return out


def _merge_value(original: Any, patch: Any, node: Node, deletes: bool) -> Any:
    if isinstance(patch, dict):
        return _clean(patch) if node.replaces else _merge_map(original, patch, node)
    if isinstance(patch, list):
        if deletes or node.merges:
            return _merge_list(original, patch, node, deletes)
        return _clean(patch)
    return patch


def _same_kind(a: Any, b: Any) -> bool:
    return (isinstance(a, dict) and isinstance(b, dict)) or (
        not isinstance(a, dict) and not isinstance(b, dict) and isinstance(a, list) == isinstance(b, list)
    )


def _retain(out: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    keep = patch[_RETAIN]
    if not isinstance(keep, list):
        raise StrategicError("invalid patch format of retainKeys")
    rest = {k: v for k, v in patch.items() if k != _RETAIN}
    for key, value in rest.items():
        if value is not None and not key.startswith((_DELETE_LIST, _ORDER)) and key not in keep:
            raise StrategicError("invalid patch format of retainKeys")
    for key in [k for k in out if k not in keep]:
        del out[key]
    return rest


def _ordered_lists(out: dict[str, Any], patch: dict[str, Any], node: Node) -> set[str]:
    """Merges the lists that come with `$setElementOrder`; returns their names."""
    done: set[str] = set()
    for directive, order in patch.items():
        if not directive.startswith(_ORDER):
            continue
        name = directive.removeprefix(_ORDER)
        if not isinstance(order, list):
            raise StrategicError("invalid patch format of setElementOrder list")
        there, wanted = out.get(name), patch.get(name)
        if name in patch and wanted is None:
            continue
        child = node.child(name)
        _check_order(wanted or [], order, child.key)
        if there is None and wanted is None:
            continue
        if wanted is None:
            merged = there
        elif there is None:
            merged = _clean(wanted)
        else:
            merged = _merge_value(there, wanted, child, False)
        if not isinstance(merged, list):
            raise StrategicError("invalid patch format of setElementOrder list")
        out[name] = _arranged(merged, order, there or [], child.key)
        done.add(name)
    return done


def _check_order(patch: list[Any], order: list[Any], key: str) -> None:
    """Items of the patch list stand in the order list, in the same relative order."""
    identify = _identity(key)
    wanted = [identify(item) for item in order]
    at = 0
    for item in patch:
        if isinstance(item, dict) and item.get(_PATCH) == "delete":
            continue
        if isinstance(item, dict) and _PATCH in item and key not in item:
            continue
        try:
            at = wanted.index(identify(item), at) + 1
        except ValueError:
            raise StrategicError(
                f"The order in patch list:\n{printed(patch)}\n doesn't match $setElementOrder list:\n"
                f"{printed(order)}\n"
            ) from None


def _identity(key: str) -> Callable[[Any], Any]:
    def identify(item: Any) -> Any:
        if not key or not isinstance(item, dict):
            return item
        if key not in item:
            raise StrategicError(f"map: {printed(item)} does not contain declared merge key: {key}")
        return item[key]

    return identify


def _merge_list(original: list[Any], patch: list[Any], node: Node, deletes: bool) -> list[Any]:
    if not original and not patch:
        return original
    if not any(isinstance(item, dict) for item in (*original, *patch)):
        if deletes:
            return [item for item in original if item not in patch]
        merged = list(original)
        merged += [item for i, item in enumerate(patch) if item not in original and item not in patch[:i]]
        return _arranged(merged, patch, original, "")
    if not all(isinstance(item, dict) for item in (*original, *patch)):
        raise StrategicError(f"list element types are not identical: {printed([original, patch])}")
    if not node.key:
        raise StrategicError("cannot merge lists without merge key")
    kept, plain = _special_items(original, patch, node.key)
    merged = _merge_items(kept, plain, node)
    return _arranged(merged, plain, kept, node.key)


def _special_items(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Carries out the `$patch` items; what is left of both lists."""
    plain: list[Any] = []
    replace = False
    for item in patch:
        match item.get(_PATCH):
            case None:
                plain.append(item)
            case "delete":
                if key not in item:
                    raise StrategicError(f"delete patch type with no merge key defined: {printed(item)}")
                original = [have for have in original if have.get(key) != item[key]]
            case "replace":
                replace = True
            case "merge":
                raise StrategicError("merging lists cannot yet be specified in the patch")
            case other:
                raise StrategicError(f"unknown patch type: {other} in map: {printed(item)}")
    return ([_clean(item) for item in plain], []) if replace else (original, plain)


def _merge_items(original: list[Any], patch: list[Any], node: Node) -> list[Any]:
    out, key, inner = list(original), node.key, node.items()
    for item in patch:
        if key not in item:
            raise StrategicError(f"map: {printed(item)} does not contain declared merge key: {key}")
        at = next((i for i, have in enumerate(out) if have.get(key) == item[key]), None)
        if at is None:
            out.append(_clean(item))
        else:
            out[at] = _merge_map(out[at], item, inner)
    return out


def _arranged(merged: list[Any], order: list[Any], live: list[Any], key: str) -> list[Any]:
    """Items named by `order` in that order, the others among them where the live list had them."""
    identify = _identity(key)
    wanted = [identify(item) for item in order]
    places = [identify(item) for item in live]

    def place(item: Any) -> int:
        found = identify(item)
        return places.index(found) if found in places else -1

    named = sorted((i for i in merged if identify(i) in wanted), key=lambda i: wanted.index(identify(i)))
    others = sorted((i for i in merged if identify(i) not in wanted), key=place)
    out: list[Any] = []
    left, right = 0, 0
    while left < len(others) or right < len(named):
        if left < len(others) and right < len(named):
            mine, theirs = place(others[left]), place(named[right])
            take_left = mine >= 0 and theirs >= 0 and mine < theirs
        else:
            take_left = right >= len(named)
        if take_left:
            out.append(others[left])
            left += 1
        else:
            out.append(named[right])
            right += 1
    return out


def _clean(value: Any) -> Any:
    """A value taken from the patch as a whole: without nulls in maps, and without directives."""
    if isinstance(value, dict):
        if value.get(_PATCH) == "delete":
            return {}
        return {
            k: _clean(v)
            for k, v in value.items()
            if v is not None and k not in (_PATCH, _RETAIN) and not k.startswith((_DELETE_LIST, _ORDER))
        }
    if isinstance(value, list):
        return [
            _clean(v) for v in value if not (isinstance(v, dict) and v.get(_PATCH) in ("delete", "replace"))
        ]
    return value
