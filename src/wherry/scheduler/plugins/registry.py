"""The plugins in upstream's order (the first filter that refuses a node names the reason)."""

from __future__ import annotations

from wherry.scheduler.framework import Filter, Score
from wherry.scheduler.plugins.image_locality import ImageLocality
from wherry.scheduler.plugins.interpod_affinity import InterPodAffinity, InterPodAffinityScore
from wherry.scheduler.plugins.node_affinity import NodeAffinity, PreferredNodeAffinity
from wherry.scheduler.plugins.node_name import NodeName
from wherry.scheduler.plugins.node_ports import NodePorts
from wherry.scheduler.plugins.node_resources import NodeResourcesBalancedAllocation, NodeResourcesFit
from wherry.scheduler.plugins.node_unschedulable import NodeUnschedulable
from wherry.scheduler.plugins.taint_toleration import TaintToleration
from wherry.scheduler.plugins.topology_spread import PodTopologySpread, PodTopologySpreadScore

FILTERS: tuple[Filter, ...] = (
    NodeUnschedulable(),
    NodeName(),
    TaintToleration(),
    NodeAffinity(),
    NodePorts(),
    NodeResourcesFit(),
    PodTopologySpread(),
    InterPodAffinity(),
)
"""Those that depend on the row alone come first: their results are kept (`cycle.Memo`)."""

SCORES: tuple[Score, ...] = (
    TaintToleration(),
    PreferredNodeAffinity(),
    NodeResourcesFit(),
    NodeResourcesBalancedAllocation(),
    PodTopologySpreadScore(),
    InterPodAffinityScore(),
    ImageLocality(),
)
