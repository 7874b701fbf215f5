from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from wherry.controllers.deployment import revisions, sizes

from .world import World, deployment, template


def settle(world: World, rounds: int = 40) -> None:
    for _ in range(rounds):
        world.reconcile()
        world.run_pods()
    world.reconcile()


percent_or_number = st.one_of(st.integers(0, 5), st.integers(0, 100).map(lambda value: f"{value}%"))


@given(
    replicas=st.integers(0, 12),
    surge=percent_or_number,
    unavailable=percent_or_number,
    seed=st.integers(0, 1000),
)
def test_rolling_update_keeps_its_promises(
    replicas: int, surge: str | int, unavailable: str | int, seed: int
) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    world = World(deployment(replicas, strategy=rolling), random.Random(seed))
    settle(world)
    assert world.available == world.total == replicas
    world.change(template=template("two"))
    least = replicas - sizes.max_unavailable(world.deployment)
    most = replicas + sizes.max_surge(world.deployment)
    for _ in range(80):
        world.reconcile()
        assert world.total <= most
        world.run_pods()
        assert world.available >= least
    images = {s.spec.template.spec.containers[0].image: sizes.replicas(s) for s in world.sets.values()}
    assert images.get("two", 0) == replicas
    assert images.get("one", 0) == 0
    assert world.deployment.metadata.annotations[revisions.REVISION] == "2"


@given(
    sizes_=st.lists(st.integers(0, 20), min_size=1, max_size=5),
    seed=st.integers(0, 1000),
)
def test_scaling_in_the_middle_of_a_rollout_ends_at_the_last_size(sizes_: list[int], seed: int) -> None:
    world = World(deployment(10), random.Random(seed))
    settle(world, 5)
    world.change(template=template("two"))
    for size in sizes_:
        world.reconcile()
        world.run_pods()
        world.change(replicas=size)
        for _ in range(3):
            world.reconcile()
            assert world.total <= max(size + sizes.max_surge(world.deployment), 0) or size == 0
    settle(world, 80)
    assert world.total == sizes_[-1]


def test_first_rollout_writes_upstreams_annotations_and_conditions() -> None:
    world = World(deployment(3, annotations={"note": "x"}), random.Random(0))
    result = world.reconcile()
    assert result.create is not None
    made = result.create
    assert made["spec"]["replicas"] == 3
    assert made["metadata"]["annotations"] == {
        "note": "x",
        revisions.REVISION: "1",
        revisions.DESIRED: "3",
        revisions.MAXIMUM: "4",
    }
    digest = made["metadata"]["labels"][revisions.HASH]
    assert made["metadata"]["name"] == f"web-{digest}"
    assert made["spec"]["selector"]["matchLabels"] == {"app": "web", revisions.HASH: digest}
    told = [(c["type"], c["status"], c["reason"]) for c in result.status["conditions"]]
    assert told == [
        ("Progressing", "True", "NewReplicaSetCreated"),
        ("Available", "False", "MinimumReplicasUnavailable"),
    ]
    assert result.status["unavailableReplicas"] == 3
    assert result.wake == 600


def test_complete_rollout_says_so() -> None:
    world = World(deployment(3), random.Random(0))
    settle(world)
    name = next(iter(world.sets))
    condition = world.condition("Progressing")
    assert (condition.reason, condition.message) == (
        "NewReplicaSetAvailable",
        f'ReplicaSet "{name}" has successfully progressed.',
    )
    assert world.condition("Available").status == "True"
    assert world.reconcile().changes == ()


def test_stuck_rollout_times_out_and_keeps_old_pods() -> None:
    world = World(deployment(4), random.Random(0))
    settle(world)
    world.change(template=template("bad"))
    for _ in range(20):
        world.reconcile()
        world.run_pods(broken=frozenset({"bad"}))
    assert world.available == 3
    assert world.condition("Progressing").reason == "ReplicaSetUpdated"
    world.now += 601
    world.reconcile()
    assert world.condition("Progressing").reason == "ProgressDeadlineExceeded"
    assert world.condition("Progressing").status == "False"


def test_rollback_gives_the_old_replica_set_a_new_revision_and_remembers_the_old() -> None:
    world = World(deployment(2), random.Random(0))
    settle(world)
    world.change(template=template("two"))
    settle(world)
    world.change(template=template("one"))
    settle(world)
    assert len(world.sets) == 2
    first = next(s for s in world.sets.values() if s.spec.template.spec.containers[0].image == "one")
    assert first.metadata.annotations[revisions.REVISION] == "3"
    assert first.metadata.annotations[revisions.HISTORY] == "1"
    assert sizes.replicas(first) == 2


def test_history_is_cut_to_its_limit() -> None:
    world = World(deployment(1, revisionHistoryLimit=2), random.Random(0))
    for number in range(6):
        world.change(template=template(f"v{number}"))
        settle(world, 10)
    numbers = sorted(int(s.metadata.annotations[revisions.REVISION]) for s in world.sets.values())
    assert numbers == [4, 5, 6]


def test_paused_deployment_scales_but_does_not_roll() -> None:
    world = World(deployment(2), random.Random(0))
    settle(world)
    world.change(template=template("two"), paused=True)
    world.reconcile()
    assert world.condition("Progressing").reason == "DeploymentPaused"
    assert len(world.sets) == 1
    world.change(replicas=5)
    world.reconcile()
    assert world.total == 5
    world.change(paused=False)
    world.reconcile()
    assert len(world.sets) == 2


def test_recreate_waits_until_every_old_pod_is_gone() -> None:
    world = World(deployment(3, strategy={"type": "Recreate"}), random.Random(0))
    settle(world)
    world.change(template=template("two"))
    world.reconcile(old_pods_running=True)
    assert world.total == 0
    world.run_pods()
    assert world.reconcile(old_pods_running=True).create is None
    created = world.reconcile(old_pods_running=False).create
    assert created is not None
    assert created["spec"]["replicas"] == 3


def test_proportional_scaling_as_in_upstreams_documentation() -> None:
    """10 replicas, surge 3, unavailable 2, a stuck rollout at 8 old and 5 new; scaled to 15 the five
    more are spread 3 to the old and 2 to the new."""
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}
    world = World(deployment(10, strategy=rolling), random.Random(0))
    settle(world)
    world.change(template=template("bad"))
    for _ in range(20):
        world.reconcile()
        world.run_pods(broken=frozenset({"bad"}))
    assert sorted(map(sizes.replicas, world.sets.values())) == [5, 8]
    world.change(replicas=15)
    world.reconcile()
    assert sorted(map(sizes.replicas, world.sets.values())) == [7, 11]


def test_a_collision_gives_another_name() -> None:
    one = deployment(1)
    first = revisions.new_replica_set(one, 1, 1)["metadata"]["name"]
    world = World(one, random.Random(0))
    world.deployment = type(one)(
        apiVersion=one.apiVersion,
        kind=one.kind,
        metadata=one.metadata,
        spec=one.spec,
        status=type(one.status)(collisionCount=1),
    )
    second = revisions.new_replica_set(world.deployment, 1, 1)["metadata"]["name"]
    assert first != second
    assert revisions.new_replica_set(one, 2, 1)["metadata"]["name"] == first


def test_percentages_round_as_upstream() -> None:
    assert sizes.scaled("25%", 3, up=True) == 1
    assert sizes.scaled("25%", 3, up=False) == 0
    assert sizes.scaled("100%", 3, up=False) == 3
    zero = deployment(
        3, strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}
    )
    assert (sizes.max_surge(zero), sizes.max_unavailable(zero)) == (0, 1)
