"""`wherry` and its commands as one table. A command's module is imported when the command is used."""

from __future__ import annotations

import difflib
import importlib
import sys
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem

from wherry import KUBERNETES_VERSION, __version__
from wherry.cli.components import COMPONENTS
from wherry.cluster.steps import StartFailed
from wherry.component_flags import UsageError


@dataclass(frozen=True, slots=True)
class Entry:
    """`module` is one of commands/, `attribute` the command in it."""

    module: str
    attribute: str
    summary: str


COMMANDS = {
    "up": Entry("up", "up", "Start a cluster, or go on with the one that is there."),
    "down": Entry("down", "down", "Stop a cluster; its data stays."),
    "status": Entry("status", "status", "Show what runs, and what it takes."),
    "logs": Entry("logs", "logs", "Show the components' logs."),
    "demo": Entry("demo", "demo", "Play a short tour with kubectl."),
    "image": Entry("image", "image", "Load images into the node without a registry."),
    "get": Entry("clusters", "get", "List clusters, or print a kubeconfig."),
    "create": Entry("clusters", "create", "Make a cluster (the same as up)."),
    "delete": Entry("clusters", "delete", "Remove a cluster with its data."),
    "supervise": Entry("supervise", "supervise", "Run a cluster until SIGTERM (for service managers)."),
}

ELSEWHERE = {
    "start": "up",
    "run": "up",
    "stop": "down",
    "ps": "status",
    "load": "image import",
    "list": "get clusters",
    "ls": "get clusters",
    "destroy": "delete cluster",
    "rm": "delete cluster",
    "version": "--version",
    "help": "--help",
}
"""What the same things are called in other tools."""

_EPILOG = (
    ("A first cluster", "wherry up && kubectl get nodes"),
    ("Without root or containers", "wherry up --simulated --nodes 20"),
    ("Completion in bash (zsh, fish: likewise)", 'eval "$(_WHERRY_COMPLETE=bash_source wherry)"'),
)


class Root(click.Group):
    """Errors that are the user's to mend are one line and exit code 2 (usage) or 1 (failure)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"wherry.cli.commands.{entry.module}")
        command: click.Command = getattr(module, entry.attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not (args[0].startswith("-") or ctx.resilient_parsing):
            raise UsageError(unknown_command(args[0]))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        summaries = {name: command.summary for name, command in COMMANDS.items()}
        summaries |= {name: component.summary for name, component in COMPONENTS.items()}
        found = [CompletionItem(n, help=text) for n, text in summaries.items() if n.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(2)
        except StartFailed as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(1)
        except BrokenPipeError:
            raise  # click's: whoever read has enough
        except OSError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(1)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])
        with formatter.section("Components, each with upstream's flags and --help of its own"):
            formatter.write_dl([(name, command.summary) for name, command in COMPONENTS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, command in _EPILOG:
            with formatter.section(title):
                formatter.write_text(command)


def unknown_command(word: str) -> str:
    names = [*COMMANDS, *COMPONENTS]
    near = ELSEWHERE.get(word) or next(iter(difflib.get_close_matches(word, names, n=1)), None)
    hint = f"Did you mean: wherry {near}?" if near else "See: wherry --help"
    return f'there is no command "{word}". {hint}'


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message=f"wherry %(version)s (Kubernetes {KUBERNETES_VERSION})")
def cli() -> None:
    """Kubernetes, whole, in Python."""
