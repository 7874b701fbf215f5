"""`wherry` and its commands. Each command is one module in commands/; this one only lists them."""

from __future__ import annotations

import sys
from typing import Any

import click

from wherry import KUBERNETES_VERSION, __version__
from wherry.cli.commands.clusters import create, delete, get
from wherry.cli.commands.demo import demo
from wherry.cli.commands.down import down
from wherry.cli.commands.image import image
from wherry.cli.commands.logs import logs
from wherry.cli.commands.status import status
from wherry.cli.commands.supervise import supervise
from wherry.cli.commands.up import up
from wherry.cli.components import COMPONENTS
from wherry.cluster.up import StartFailed
from wherry.component_flags import UsageError


class _Root(click.Group):
    """Errors that are the user's to mend are one line and exit code 2 (usage) or 1 (failure)."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(2)
        except StartFailed as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(1)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Components (each with --help of its own)"):
            formatter.write_dl([(name, command.summary) for name, command in COMPONENTS.items()])
        with formatter.section("Example"):
            formatter.write_text("wherry up && kubectl get nodes")


@click.group(cls=_Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message=f"wherry %(version)s (Kubernetes {KUBERNETES_VERSION})")
def cli() -> None:
    """Kubernetes, whole, in Python."""


for command in (up, down, status, logs, image, demo, get, create, delete, supervise):
    cli.add_command(command)
