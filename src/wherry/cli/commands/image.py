"""`wherry image`: images into the cluster's node without a registry."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from wherry.cli.commands.selection import cluster_options, existing, name_flag, output_option
from wherry.cli.console import Console
from wherry.cluster.state import is_running
from wherry.component_flags import UsageError


@click.group(epilog="Example: wherry image import web.tar")
def image() -> None:
    """Images of a cluster's node."""


@image.command("import", epilog="Example: docker save web:v1 -o web.tar && wherry image import web.tar")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@cluster_options
@output_option
def import_(files: tuple[Path, ...], name: str | None, data_dir: Path | None, output: str) -> None:
    """Load OCI or docker archives into the node, as `kind load image-archive` does."""
    from wherry.cri.archive import ArchiveError
    from wherry.cri.images import import_archive

    console = Console(output)
    paths, settings = existing(name, data_dir)
    if settings.simulated:
        console.say("Simulated nodes take every image as present: nothing to import.")
        return
    if not is_running(paths):
        raise UsageError(
            f'the cluster "{settings.name}" is down; start it with: wherry up{name_flag(settings.name)}'
        )
    for file in files:
        try:
            loaded = asyncio.run(import_archive(paths.containerd_socket, file))
        except ArchiveError as error:
            raise UsageError(f"{file}: {error}") from error
        console.emit({"file": str(file), "images": list(loaded.names)})
        for image_name in loaded.names or ("an image without a name",):
            console.say(f"imported {image_name}")
