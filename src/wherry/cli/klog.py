"""Log lines as upstream's components write them: `I0102 15:04:05.000000   4242 module.py:12] text`."""

from __future__ import annotations

import logging
import sys
import time

_LETTERS = {"DEBUG": "D", "INFO": "I", "WARNING": "W", "ERROR": "E", "CRITICAL": "F"}


class KlogFormatter(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%m%d %H:%M:%S", time.localtime(record.created))
        micros = int(record.created % 1 * 1e6)
        letter = _LETTERS.get(record.levelname, "I")
        return (
            f"{letter}{stamp}.{micros:06d} {record.process:>7} "
            f"{record.filename}:{record.lineno}] {record.message}"
        )


def configure(verbosity: int) -> None:
    """Everything from INFO up to standard error; DEBUG from `-v=4` on, as upstream's chattier levels."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(KlogFormatter())
    logging.basicConfig(
        level=logging.DEBUG if verbosity >= 4 else logging.INFO, handlers=[handler], force=True
    )
    logging.getLogger("asyncio").setLevel(logging.WARNING)
