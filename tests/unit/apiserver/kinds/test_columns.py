"""The columns of every resource are upstream's (columns.json was recorded from its API server)."""

import json
from pathlib import Path

import pytest

from wherry.api import scheme
from wherry.apiserver.kinds.columns import capped, labels_text, selector_text
from wherry.apiserver.kinds.table import STRATEGIES

RECORDED = json.loads(Path(__file__).with_name("columns.json").read_text())
NAME_ONLY = [["Name", "string", "name", 0], ["Created At", "date", "", 0]]


@pytest.mark.parametrize("resource", sorted(RECORDED))
def test_columns_are_upstreams(resource):
    strategy = STRATEGIES.get(resource)
    columns = strategy.columns if strategy else ()
    mine = [[c.name, c.type, c.format, c.priority] for c in columns] or NAME_ONLY
    assert mine == RECORDED[resource]


@pytest.mark.parametrize("resource", sorted(STRATEGIES))
def test_cells_of_an_empty_object(resource):
    """A row can be made of anything that is stored, however little is in it."""
    for column in STRATEGIES[resource].columns:
        value = column.value({"metadata": {"name": "x"}}, 0.0)
        assert isinstance(value, str | int | bool), column.name


def test_every_strategy_is_of_a_served_resource():
    served = {r.group_resource for r in scheme.builtin().all()}
    assert set(STRATEGIES) <= served


def test_texts():
    assert labels_text({"b": "2", "a": "1"}) == "a=1,b=2"
    assert labels_text({}) == "<none>"
    selector = {
        "matchLabels": {"app": "x"},
        "matchExpressions": [
            {"key": "z", "operator": "NotIn", "values": ["b", "a"]},
            {"key": "e", "operator": "DoesNotExist"},
        ],
    }
    assert selector_text(selector) == "app=x,!e,z notin (a,b)"
    assert capped(["a", "b", "c", "d"]) == "a,b,c + 1 more..."
