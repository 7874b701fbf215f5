from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from wherry.cli.components import COMPONENTS
from wherry.cli.root import COMMANDS, ELSEWHERE, cli, unknown_command

HEAVY = (
    "cryptography",
    "numpy",
    "yaml",
    "grpc",
    "asyncio",
    "wherry.apiserver",
    "wherry.cri",
    "wherry.client",
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("stauts", "status"),
        ("upp", "up"),
        ("kubelt", "kubelet"),
        ("kube-apisever", "kube-apiserver"),
        ("start", "up"),
        ("ls", "get clusters"),
    ],
)
def test_a_typo_gets_the_nearest_command(typed: str, meant: str) -> None:
    assert unknown_command(typed) == f'there is no command "{typed}". Did you mean: wherry {meant}?'


def test_something_else_gets_the_help() -> None:
    assert unknown_command("xyzzy").endswith("See: wherry --help")


def test_an_unknown_command_is_one_line_and_exit_code_2() -> None:
    done = CliRunner().invoke(cli, ["stauts"])
    assert done.exit_code == 2
    assert done.stderr == 'Error: there is no command "stauts". Did you mean: wherry status?\n'


def commands(group: click.Command, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [words] if words else []
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            found += commands(command, (*words, name))
    return found


@pytest.mark.parametrize("words", commands(cli), ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...]) -> None:
    said = CliRunner().invoke(cli, [*words, "--help"])
    assert said.exit_code == 0
    assert "Example" in said.output
    assert "wherry " in said.output


def test_the_help_names_everything() -> None:
    said = CliRunner().invoke(cli, ["--help"]).output
    for name in (*COMMANDS, *COMPONENTS):
        assert f"  {name} " in said
    assert "_WHERRY_COMPLETE=bash_source wherry" in said


def test_what_others_call_it_leads_to_a_command_of_ours() -> None:
    assert not ELSEWHERE.keys() & COMMANDS.keys()
    assert {meant.split()[0] for meant in ELSEWHERE.values()} <= {*COMMANDS, "--version", "--help"}


def test_looking_at_a_cluster_loads_nothing_heavy() -> None:
    script = (
        "import sys, wherry.cli.main, wherry.cli.root, wherry.cli.commands.status\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_the_supervisor_loads_nothing_heavy() -> None:
    script = (
        "import sys, wherry.cli.root, wherry.cli.commands.supervise, wherry.cluster.supervise\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "['asyncio']\n"


@pytest.mark.parametrize(
    ("words", "index", "offered"),
    [
        ("wherry st", 1, ["plain,status"]),
        ("wherry kube-", 1, [f"plain,{name}" for name in COMPONENTS if name.startswith("kube-")]),
        ("wherry get ", 2, ["plain,clusters", "plain,kubeconfig"]),
        ("wherry kubelet --x", 2, []),
        ("wherry up --sim", 2, ["plain,--simulated"]),
    ],
)
def test_completion(words: str, index: int, offered: list[str]) -> None:
    environment = {"_WHERRY_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(index)}
    said = CliRunner().invoke(cli, [], prog_name="wherry", env=environment)
    assert said.output.split() == offered
