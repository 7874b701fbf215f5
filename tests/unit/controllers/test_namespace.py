from __future__ import annotations

from collections import Counter

from wherry.clock import rfc3339
from wherry.controllers.namespace import Remains, conditions_of

from .world import NOW


def test_conditions_say_what_is_left_in_upstreams_words() -> None:
    remains = Remains(Counter({"configmaps.": 1, "pods.": 2}), [], Counter({"x.io/y": 1}))
    told = {c["type"]: (c["status"], c["reason"], c["message"]) for c in conditions_of([], remains, NOW)}
    assert told["NamespaceContentRemaining"] == (
        "True",
        "SomeResourcesRemain",
        "Some resources are remaining: configmaps. has 1 resource instances, pods. has 2 resource instances",
    )
    assert told["NamespaceFinalizersRemaining"] == (
        "True",
        "SomeFinalizersRemain",
        "Some content in the namespace has finalizers remaining: x.io/y in 1 resource instances",
    )
    assert told["NamespaceDeletionDiscoveryFailure"] == (
        "False",
        "ResourcesDiscovered",
        "All resources successfully discovered",
    )


def test_transition_time_moves_with_status_only() -> None:
    first = conditions_of([], Remains(Counter({"pods.": 2})), NOW)
    second = conditions_of(first, Remains(Counter({"pods.": 1})), NOW + 5)
    third = conditions_of(second, Remains(), NOW + 9)
    times = [c["lastTransitionTime"] for f in (first, second, third) for c in f if "Content" in c["type"]]
    assert times[1::2] == [rfc3339(NOW), rfc3339(NOW), rfc3339(NOW + 9)]
