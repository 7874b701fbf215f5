from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.api import selectors
from wherry.api.selectors import EVERYTHING, NOTHING, Requirement, Selector, SelectorError

# What kube-apiserver 1.36 answers.
REFUSED = {
    "a=b=c": "found '=', expected: ',' or 'end of string'",
    "a in b": "unable to parse requirement: found 'b' expected: '('",
    "a in (b": "unable to parse requirement: found '', expected: ',' or ')'",
    ",a": "found ',', expected: !, identifier, or 'end of string'",
    "a,": "found '', expected: identifier after ','",
    "a>x": "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, "
    "the value must be an integer",
    "!a=b": "found '=', expected: ',' or 'end of string'",
    "a b": "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
    "=": "found '=', expected: !, identifier, or 'end of string'",
    "a notin": "unable to parse requirement: found '' expected: '('",
    "a in (x y)": "unable to parse requirement: found 'y', expected: ',' or ')'",
    "a!b": "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt",
    "()": "found '(', expected: !, identifier, or 'end of string'",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_refuses_in_upstreams_words(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as refusal:
        selectors.parse_labels(text)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("", {}, True),
        ("a=b", {"a": "b"}, True),
        ("a==b", {"a": "c"}, False),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a", {"a": ""}, True),
        ("!a", {"a": ""}, False),
        ("a=", {"a": ""}, True),
        ("a=", {}, False),
        ("a in (x,y)", {"a": "y"}, True),
        ("a in (x,y)", {}, False),
        ("a notin (x,y)", {}, True),
        ("a in (x,,y)", {"a": ""}, True),
        ("a>1", {"a": "2"}, True),
        ("a<1", {"a": "2"}, False),
        ("a>1", {"a": "many"}, False),
        ("a=b,c=d", {"a": "b", "c": "d"}, True),
        ("a=b,c=d", {"a": "b"}, False),
        ("example.com/a = b , ! z", {"example.com/a": "b"}, True),
    ],
)
def test_matches(text: str, labels: dict[str, str], matches: bool) -> None:
    assert selectors.parse_labels(text).matches(labels) is matches


names = st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,10}[A-Za-z0-9])?", fullmatch=True)
operators = st.sampled_from(["in", "notin", "=", "!=", "exists", "!", "gt", "lt"])


@st.composite
def requirements(draw: st.DrawFn) -> Requirement:
    operator = draw(operators)
    if operator in ("exists", "!"):
        return Requirement(draw(names), operator)
    if operator in ("gt", "lt"):
        return Requirement(draw(names), operator, (str(draw(st.integers(-9, 9))),))
    if operator in ("in", "notin"):
        return Requirement(draw(names), operator, tuple(sorted(draw(st.sets(names, min_size=1, max_size=3)))))
    return Requirement(draw(names), operator, (draw(names),))


@given(st.lists(requirements(), max_size=4))
def test_text_form_parses_to_the_same(found: list[Requirement]) -> None:
    found = [r for r in found if r.key not in ("in", "notin")]
    selector = Selector(tuple(sorted(found, key=lambda r: r.key)))
    assert selectors.parse_labels(str(selector)) == selector


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for parse in (selectors.parse_labels, selectors.parse_fields):
        try:
            parse(text)
        except SelectorError as refusal:
            assert str(refusal)


@given(st.dictionaries(names, st.text(max_size=8), min_size=1, max_size=3))
def test_field_values_survive_escaping(fields: dict[str, str]) -> None:
    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")

    text = ",".join(f"{key}={escaped(value)}" for key, value in fields.items())
    assert selectors.parse_fields(text).matches(fields)


def test_field_selector_without_operator_is_refused() -> None:
    with pytest.raises(SelectorError, match="invalid selector: 'a'; can't understand 'a'"):
        selectors.parse_fields("a")


def test_label_selector_objects() -> None:
    selector = selectors.from_label_selector(
        {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]}
    )
    assert selector.matches({"a": "b", "c": ""})
    assert not selector.matches({"a": "b"})
    assert selectors.from_label_selector(None) is NOTHING
    assert not NOTHING.matches({})
    assert selectors.from_label_selector({}) == EVERYTHING
    with pytest.raises(SelectorError):
        selectors.from_label_selector({"matchExpressions": [{"key": "c", "operator": "Is"}]})
