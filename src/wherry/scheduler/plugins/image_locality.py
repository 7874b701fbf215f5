"""ImageLocality: nodes that have the pod's images already, counted by their size.

An image that few nodes have counts less, so that one node does not draw all pods to itself.
"""

from __future__ import annotations

import numpy as np

from wherry.scheduler.asks import Ask
from wherry.scheduler.columns import Ints, Rows
from wherry.scheduler.framework import MAX_SCORE, Depends, View

_MB = 1024 * 1024
_LEAST = 23 * _MB
_MOST_PER_CONTAINER = 1000 * _MB


class ImageLocality:
    name = "ImageLocality"
    depends: Depends = "nodes"
    weight = 1

    def applies(self, ask: Ask, view: View) -> bool:
        return any(image in view.nodes.images for image in ask.images)

    def score(self, ask: Ask, view: View, rows: Rows) -> Ints:
        nodes = view.nodes
        held = np.zeros(nodes.size, np.int64)
        for image in ask.images:
            sizes = nodes.images.get(image, {})
            spread = len(sizes) / max(nodes.live_count, 1)
            for row, size in sizes.items():
                held[row] += int(size * spread)
        most = _MOST_PER_CONTAINER * len(ask.images)
        score: Ints = MAX_SCORE * (np.clip(held, _LEAST, most) - _LEAST) // (most - _LEAST)
        return score[rows]

    def normalize(self, ask: Ask, view: View, raw: Ints) -> Ints:
        return raw
