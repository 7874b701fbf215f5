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
        "--name", help=f"The cluster's name (default $WHERRY_CLUSTER_NAME, else {DEFAULT_NAME})."
    )(command)


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people or machines."
    )(command)


def name_or_default(name: str | None) -> str:
    return check_name(name or os.environ.get("WHERRY_CLUSTER_NAME") or DEFAULT_NAME)


def paths_for(name: str | None, data_dir: Path | None) -> Paths:
    """Where a cluster lies or would lie."""
    chosen = name_or_default(name)
    return Paths((data_dir or find(chosen) or base_dir() / chosen).resolve())


def found(name: str | None, data_dir: Path | None) -> tuple[Paths, ClusterSettings | None]:
    """A cluster and where it lies; None when it has not been made. UsageError when `--data-dir` has
    another one than `--name` says."""
    paths = paths_for(name, data_dir)
    settings = load(paths)
    if settings is not None and name is not None and settings.name != name:
        raise UsageError(f'{paths.root} has the cluster "{settings.name}", not "{name}"')
    return paths, settings


def existing(name: str | None, data_dir: Path | None) -> tuple[Paths, ClusterSettings]:
    """A cluster that has been made; UsageError when there is none."""
    paths, settings = found(name, data_dir)
    if settings is None:
        chosen = name_or_default(name)
        raise UsageError(f'there is no cluster "{chosen}"; start one with: wherry up{name_flag(chosen)}')
    return paths, settings


def name_flag(name: str) -> str:
    """What to add to a command that is suggested, to mean this cluster."""
    return "" if name == name_or_default(None) else f" --name {name}"
