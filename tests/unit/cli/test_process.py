from __future__ import annotations

import importlib

import pytest

from wherry import KUBERNETES_VERSION
from wherry.cli.components import COMPONENTS
from wherry.cli.process import run_component


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_component_has_help_with_an_example_and_its_flags(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_component(name, ["--help"]) == 0
    said = capsys.readouterr().out
    assert f"wherry {name}" in said
    assert "Example:" in said
    for flag in importlib.import_module(COMPONENTS[name].module).FLAGS:
        assert flag.name in said


@pytest.mark.parametrize("name", COMPONENTS)
def test_version_is_upstreams_words(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_component(name, ["--version"]) == 0
    assert capsys.readouterr().out == f"Kubernetes {KUBERNETES_VERSION}\n"


def test_a_typo_in_a_flag_gets_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_component("kube-scheduler", ["--kubeconfg=x"]) == 2
    said = capsys.readouterr().err
    assert "did you mean --kubeconfig?" in said
    assert "See 'wherry kube-scheduler --help' for usage." in said
