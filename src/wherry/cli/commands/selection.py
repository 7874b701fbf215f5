"""`--name` and `--data-dir`: which cluster a command is about."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from wherry.cluster.settings import (
    DEFAULT_NAME,
    ClusterSettings,
    Paths,
    base_dir,
    check_name,
    find,
    load,
)
from wherry.component_flags import UsageError


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option(
        "--data-dir", type=click.Path(path_type=Path), help="Where the cluster's data lies (default by name)."
    )(command)
    return click.option(
        "--name",
        default=lambda: os.environ.get("WHERRY_CLUSTER_NAME", DEFAULT_NAME),
        show_default=f"$WHERRY_CLUSTER_NAME or {DEFAULT_NAME}",
        help="The cluster's name.",
    )(command)


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people or machines."
    )(command)


def paths_for(name: str, data_dir: Path | None) -> Paths:
    """Where a cluster lies or would lie."""
    check_name(name)
    return Paths((data_dir or find(name) or base_dir() / name).absolute())


def existing(name: str, data_dir: Path | None) -> tuple[Paths, ClusterSettings]:
    """A cluster that has been made; UsageError when there is none."""
    paths = paths_for(name, data_dir)
    settings = load(paths)
    if settings is None:
        raise UsageError(f'there is no cluster "{name}"; start one with: wherry up --name {name}')
    return paths, settings
