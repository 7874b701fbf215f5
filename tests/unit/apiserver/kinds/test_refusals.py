"""Refusals in upstream's words. What is here was compared with upstream once (see tests/differential);
this keeps it so without one."""

import copy

import pytest

from wherry.apiserver.kinds.batch import cron_schedule
from wherry.apiserver.kinds.table import STRATEGIES
from wherry.apiserver.registry.strategy import Context

TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}


def made(resource, **fields):
    obj = {"metadata": {"name": "x", "namespace": "default", "uid": "u"}, **copy.deepcopy(fields)}
    STRATEGIES[resource].default(obj)
    STRATEGIES[resource].prepare_create(obj, Context(0.0))
    STRATEGIES[resource].default(obj)
    return obj


def refusals(resource, **fields):
    return [p.text() for p in STRATEGIES[resource].validate(made(resource, **fields))]


@pytest.mark.parametrize(
    ("resource", "fields", "expected"),
    [
        ("services", {"spec": {}}, ["spec.ports: Required value"]),
        (
            "deployments.apps",
            {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}},
            [
                'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match '
                "template `labels`"
            ],
        ),
        (
            "deployments.apps",
            {"spec": {"selector": {"matchLabels": {"a": "b c"}}, "template": {"spec": {}}}},
            [
                "spec.selector.matchLabels: Invalid value: \"b c\": a valid label must be an empty string or "
                "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
                "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
                "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
                'spec.selector: Invalid value: {"matchLabels":{"a":"b c"}}: invalid label selector',
            ],
        ),
        (
            "cronjobs.batch",
            {"spec": {"schedule": "* *", "jobTemplate": {"spec": {"template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}}}}},
            ['spec.schedule: Invalid value: "* *": expected exactly 5 fields, found 2: [* *]'],
        ),
        (
            "jobs.batch",
            {"spec": {"template": TEMPLATE}},
            ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
        ),
        (
            "secrets",
            {"type": "kubernetes.io/tls"},
            ["data[tls.crt]: Required value", "data[tls.key]: Required value"],
        ),
        (
            "configmaps",
            {"data": {"a": "x" * (1 << 20), "b": "y"}},
            ["[]: Too long: may not be more than 1048576 bytes"],
        ),
        (
            "poddisruptionbudgets.policy",
            {"spec": {"minAvailable": "x"}},
            [
                "spec.minAvailable: Invalid value: \"x\": a valid percent string must be a numeric string "
                "followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
            ],
        ),
        (
            "leases.coordination.k8s.io",
            {"spec": {"leaseDurationSeconds": 0}},
            ["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
        ),
    ],
)  # fmt: skip
def test_refused(resource, fields, expected):
    assert refusals(resource, **fields) == expected


def test_selectors_of_workloads_are_immutable():
    for resource in ("deployments.apps", "replicasets.apps", "daemonsets.apps"):
        old = made(resource, spec={"selector": {"matchLabels": {"app": "x"}}, "template": TEMPLATE})
        new = copy.deepcopy(old)
        new["spec"]["selector"] = {"matchLabels": {"app": "y"}}
        (problem,) = STRATEGIES[resource].validate_update(new, old)
        assert problem.text().endswith("field is immutable")


def test_frozen_configuration():
    old = made("configmaps", data={"a": "b"}, immutable=True)
    new = made("configmaps", data={"a": "c"})
    assert [p.text() for p in STRATEGIES["configmaps"].validate_update(new, old)] == [
        "immutable: Forbidden: field is immutable when `immutable` is set",
        "data: Forbidden: field is immutable when `immutable` is set",
    ]


@pytest.mark.parametrize(
    "schedule",
    ["*/5 * * * *", "0 0 1 jan *", "1-5,7 ? * * MON-FRI", "@daily", "@every 1h30m", "0/15 * * * *"],
)
def test_good_schedules(schedule):
    assert cron_schedule.problem(schedule) == ""


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ("", "empty spec string"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("@never", "unrecognized descriptor: @never"),
    ],
)
def test_bad_schedules(schedule, problem):
    assert cron_schedule.problem(schedule) == problem
