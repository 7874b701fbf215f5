"""The `wherry` command: components go straight to their flags, everything else through click.

A component must be ready a fraction of a second after exec, so this module imports nothing it does
not need for the command at hand.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from wherry.cli.components import COMPONENTS


def main(arguments: Sequence[str] | None = None) -> None:
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in COMPONENTS:
        from wherry.cli.process import run_component

        sys.exit(run_component(words[0], words[1:]))
    from wherry.cli.root import cli

    cli(words, prog_name="wherry")


if __name__ == "__main__":
    main()
