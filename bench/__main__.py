"""Runs benchmarks and prints their figures: `python -m bench [NAME...]`, all by default."""

from __future__ import annotations

import importlib
import sys

BENCHMARKS = {
    "store": "the store: durable writes a second",
    "registry": "the API server's registry without a network",
    "scheduler": "the scheduler's core without an API",
    "proxy": "rules for ten thousand Services",
    "api": "the API server over TLS, beside upstream's",
    "inprocess": "a cluster in one process: how soon it is ready",
    "cluster": "a real cluster: start, pods, idle memory and CPU",
}


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    for name in names or BENCHMARKS:
        print(f"\n== {name}: {BENCHMARKS[name]}", flush=True)
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
