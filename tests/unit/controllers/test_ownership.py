from __future__ import annotations

from wherry.api.selectors import from_map
from wherry.controllers.ownership import controlled_by, owner_key, plan_claim
from wherry.controllers.replicaset import REPLICA_SET

from .test_replicaset import replica_set
from .world import pod

WEB = from_map({"app": "web"})


def test_claims_matching_orphans_and_releases_what_matches_no_more() -> None:
    mine = pod("mine", labels={"app": "web"}, owner="web")
    stray = pod("stray", labels={"app": "other"}, owner="web")
    orphan = pod("orphan", labels={"app": "web"})
    going = pod("going", labels={"app": "web"}, deletionTimestamp="2026-01-01T00:00:00Z")
    plan = plan_claim(replica_set(1), WEB, [mine, stray], [orphan, going, pod("else")])
    assert [c.metadata.name for c in plan.mine] == ["mine"]
    assert [c.metadata.name for c in plan.adopt] == ["orphan"]
    assert [c.metadata.name for c in plan.release] == ["stray"]


def test_owner_keys_name_only_their_kind() -> None:
    child = pod("a", owner="web")
    assert owner_key(child, REPLICA_SET.resource) == "ns/web"
    assert controlled_by(child, "web")
    assert owner_key(pod("b"), REPLICA_SET.resource) is None
