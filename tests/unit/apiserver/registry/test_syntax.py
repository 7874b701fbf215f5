"""Go's words for text that is not JSON; upstream said each of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.apiserver.registry import syntax


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "unexpected end of JSON input"),
        ("[1", "unexpected end of JSON input"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1]', "invalid character ']' after object key:value pair"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("[1 2]", "invalid character '2' after array element"),
        ("{}}", "invalid character '}' after top-level value"),
        ("NaN", "invalid character 'N' looking for beginning of value"),
        ("nul", "unexpected end of JSON input"),
        ("[nul]", "invalid character ']' in literal null (expecting 'l')"),
        ("[-]", "invalid character ']' in numeric literal"),
        ("[1.]", "invalid character ']' after decimal point in numeric literal"),
        ("[1e]", "invalid character ']' in exponent of numeric literal"),
        ('"a\nb"', "invalid character '\\n' in string literal"),
        ('"\\q"', "invalid character 'q' in string escape code"),
        ('"\\u00g"', "invalid character 'g' in \\u hexadecimal character escape"),
        ("\ufeff{}", "invalid character 'ï' looking for beginning of value"),
        ("'", "invalid character '\\'' looking for beginning of value"),
        ("[" * 10_001, "invalid character '[' exceeded max depth"),
    ],
    ids=lambda text: text[:20],
)
def test_complaints(text: str, complaint: str) -> None:
    assert syntax.of(text.encode()) == complaint


def is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=int)
    except ValueError:
        return False
    return True


@given(st.text(alphabet='{}[]",:0123-+.eEtruefalsn\\u \n', max_size=14))
def test_complains_of_what_is_no_json(text: str) -> None:
    assert (syntax.of(text.encode()) == "") == is_json(text)
