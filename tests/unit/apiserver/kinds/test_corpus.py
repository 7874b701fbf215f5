"""The objects that are compared with upstream elsewhere, here only for what needs no reference."""

import copy
from pathlib import Path

import pytest
import yaml

from wherry.api import scheme
from wherry.apiserver.kinds.table import STRATEGIES
from wherry.apiserver.registry.strategy import Context

CORPUS = list(
    yaml.safe_load_all((Path(__file__).parents[3] / "differential" / "kinds_corpus.yaml").read_text())
)


def strategy_of(obj):
    resource = scheme.builtin().for_kind(obj["apiVersion"], obj["kind"])
    assert resource is not None
    return STRATEGIES[resource.group_resource]


@pytest.mark.parametrize("obj", CORPUS, ids=lambda o: f"{o['kind']}-{o['metadata']['name']}")
def test_prepared_objects_are_stable(obj):
    strategy, made = strategy_of(obj), copy.deepcopy(obj)
    strategy.default(made)
    made["metadata"]["uid"] = "u"
    strategy.prepare_create(made, Context(0.0, "me"))
    strategy.default(made)
    again = copy.deepcopy(made)
    strategy.default(again)
    assert again == made
    updated = copy.deepcopy(made)
    strategy.prepare_update(updated, made, Context(0.0, "me"))
    updated["metadata"] = made["metadata"]
    assert updated == made
    assert strategy.validate_update(updated, made) == []
    assert strategy.validate_status(updated, made) == []
    for column in strategy.columns:
        assert isinstance(column.value(made, 100.0), str | int | bool), column.name
    for label in strategy.fields.values():
        assert isinstance(label(made), str)
