"""Label and field selectors: parsed once, then asked often.

Syntax and messages follow `k8s.io/apimachinery/pkg/labels` and `.../fields`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wherry.api import validation_text as text


class SelectorError(ValueError):
    """The selector cannot be parsed; the message is upstream's."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """`operator` is one of in, notin, =, !=, exists, !, gt, lt. Values of a set are sorted."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case "in" | "=":
                return labels.get(self.key) in self.values
            case "notin" | "!=":
                return labels.get(self.key) not in self.values
            case "exists":
                return self.key in labels
            case "!":
                return self.key not in labels
        return self._compares(labels.get(self.key))

    def _compares(self, have: str | None) -> bool:
        if have is None or not _is_int64(have):
            return False
        bound = int(self.values[0])
        return int(have) > bound if self.operator == "gt" else int(have) < bound

    def __str__(self) -> str:
        match self.operator:
            case "in" | "notin":
                return f"{self.key} {self.operator} ({','.join(self.values)})"
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case "gt" | "lt":
                return f"{self.key}{'>' if self.operator == 'gt' else '<'}{self.values[0]}"
        return f"{self.key}{self.operator}{self.values[0]}"


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements hold. The empty selector matches everything; `NOTHING` matches nothing."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        if self.nothing:
            return False
        found = labels or {}
        return all(r.matches(found) for r in self.requirements)

    def __bool__(self) -> bool:
        """False for the selector that matches everything."""
        return self.nothing or bool(self.requirements)

    def __str__(self) -> str:
        return ",".join(str(r) for r in self.requirements)


EVERYTHING = Selector()
NOTHING = Selector(nothing=True)

_TOKEN = re.compile(r"\s*(==|!=|[=!,()<>]|[^\s\0=!,()<>]+)")
_SYMBOLS = frozenset(("=", "==", "!=", "!", ",", "(", ")", "<", ">"))


def parse_labels(selector: str) -> Selector:
    """`a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`."""
    tokens = _tokens(selector)
    found: list[Requirement] = []
    position = 0
    while position < len(tokens):
        requirement, position = _requirement(tokens, position)
        found.append(requirement)
        if position == len(tokens):
            break
        if tokens[position] != ",":
            raise SelectorError(f"found '{tokens[position]}', expected: ',' or 'end of string'")
        position += 1
        following = _at(tokens, position)
        if following != "!" and (following in _SYMBOLS or not following):
            raise SelectorError(f"found '{following}', expected: identifier after ','")
    return Selector(tuple(sorted(found, key=lambda r: r.key)))


def _tokens(selector: str) -> list[str]:
    return _TOKEN.findall(selector)


def _at(tokens: list[str], position: int) -> str:
    return tokens[position] if position < len(tokens) else ""


def _refused(why: str) -> SelectorError:
    return SelectorError(f"unable to parse requirement: {why}")


def _requirement(tokens: list[str], at: int) -> tuple[Requirement, int]:
    if tokens[at] == "!":
        name = _at(tokens, at + 1)
        if not name or name in _SYMBOLS:
            raise _refused(f"found '{name}', expected: identifier")
        return Requirement(_key(name), "!"), at + 2
    key, operator = _key(tokens[at]), _at(tokens, at + 1)
    match operator:
        case "" | ",":
            return Requirement(key, "exists"), at + 1
        case "=" | "==" | "!=":
            value = _at(tokens, at + 2)
            empty = value in ("", ",")
            if not empty and value in _SYMBOLS:
                raise _refused(f"found '{value}', expected: identifier")
            parsed = _value(key, "" if empty else value)
            return Requirement(key, "!=" if operator == "!=" else "=", (parsed,)), at + (2 if empty else 3)
        case "<" | ">":
            value = _at(tokens, at + 2)
            if not _is_int64(value):
                problem = "for 'Gt', 'Lt' operators, the value must be an integer"
                raise _refused(f'values[0]: Invalid value: "{value}": {problem}')
            return Requirement(key, "gt" if operator == ">" else "lt", (value,)), at + 3
        case "in" | "notin":
            values, end = _set(tokens, at + 2)
            return Requirement(key, operator, tuple(sorted(_value(key, v) for v in values))), end
    raise _refused(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _set(tokens: list[str], at: int) -> tuple[set[str], int]:
    """The values of `(a,b)` and the position after it. An empty place is the empty value."""
    if _at(tokens, at) != "(":
        raise _refused(f"found '{_at(tokens, at)}' expected: '('")
    values: set[str] = set()
    at += 1
    expect_value = True
    while (token := _at(tokens, at)) != ")":
        if token == ",":
            if expect_value:
                values.add("")
            expect_value = True
        elif token and expect_value:
            values.add(token)
            expect_value = False
        else:
            raise _refused(f"found '{token}', expected: ',' or ')'")
        at += 1
    if expect_value:
        values.add("")
    return values, at + 1


def _key(key: str) -> str:
    if not key or key in _SYMBOLS:
        raise SelectorError(f"found '{key}', expected: !, identifier, or 'end of string'")
    problems = text.qualified_name(key)
    if problems:
        raise _refused(f'<nil>: Invalid value: "{key}": {"; ".join(problems)}')
    return key


def _is_int64(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?[0-9]{1,19}", text)) and -(2**63) <= int(text) < 2**63


def _value(key: str, value: str) -> str:
    problems = text.label_value(value)
    if problems:
        raise _refused(f'values[0][{key}]: Invalid value: "{value}": {"; ".join(problems)}')
    return value


_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!", "Gt": "gt", "Lt": "lt"}


def requirement(key: str, operator: str, values: Iterable[str]) -> Requirement:
    """A LabelSelectorRequirement or NodeSelectorRequirement; SelectorError for an unknown operator."""
    if operator not in _OPERATORS:
        raise SelectorError(f'"{operator}" is not a valid label selector operator')
    return Requirement(key, _OPERATORS[operator], tuple(sorted(values)))


def from_label_selector(selector: Any) -> Selector:
    """metav1.LabelSelector (typed or plain): None selects nothing, an empty one everything."""
    if selector is None:
        return NOTHING
    if isinstance(selector, dict):
        labels = selector.get("matchLabels") or {}
        expressions = [
            requirement(e["key"], e["operator"], e.get("values") or ())
            for e in selector.get("matchExpressions") or ()
        ]
    else:
        labels = selector.matchLabels
        expressions = [requirement(e.key, e.operator, e.values) for e in selector.matchExpressions]
    exact = [Requirement(k, "in", (v,)) for k, v in labels.items()]
    return Selector(tuple(sorted([*exact, *expressions], key=lambda r: r.key)))


def from_map(labels: Mapping[str, str]) -> Selector:
    """A Service's or ReplicationController's selector: exact pairs."""
    return Selector(tuple(Requirement(k, "=", (v,)) for k, v in sorted(labels.items())))


def parse_fields(selector: str) -> Selector:
    """`metadata.name=a,status.phase!=Running`, with `\\` escaping `\\`, `,` and `=`."""
    found = []
    for term in _field_terms(selector):
        if not term:
            continue
        match = re.fullmatch(r"((?:[^=!\\]|\\.)+?)(!=|==|=)((?:[^\\]|\\.)*)", term, re.S)
        if match is None:
            raise SelectorError(f"invalid selector: '{selector}'; can't understand '{term}'")
        key, operator, value = match.groups()
        if bad := _BAD_FIELD_VALUE.match(value):
            raise SelectorError(_bad_field_value(bad[1]))
        value = re.sub(r"\\(.)", r"\1", value)
        found.append(Requirement(key, "!=" if operator == "!=" else "=", (value,)))
    return Selector(tuple(found))


_BAD_FIELD_VALUE = re.compile(r"(?:\\[\\,=]|[^\\=])*+(\\.|=)", re.S)


def _bad_field_value(found: str) -> str:
    if found == "=":
        return "invalid field selector: unescaped character in value: 61"
    return f"invalid field selector: invalid escape sequence: {found}"


def _field_terms(selector: str) -> list[str]:
    return [m.group(1) for m in re.finditer(r"((?:[^,\\]|\\.)*)(?:,|$)", selector, re.S)]
