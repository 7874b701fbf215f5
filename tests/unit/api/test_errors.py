from __future__ import annotations

import pytest

from wherry.api import errors, fieldpath
from wherry.api.errors import ApiError


def test_status_goes_out_and_comes_back() -> None:
    error = errors.not_found("apps", "deployments", "web")
    status = error.status()
    assert status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'deployments.apps "web" not found',
        "reason": "NotFound",
        "details": {"name": "web", "group": "apps", "kind": "deployments"},
        "code": 404,
    }
    again = ApiError.from_status(status, 404)
    assert (again.reason, again.code, again.message) == ("NotFound", 404, error.message)


def test_invalid_lists_every_field() -> None:
    problems = [
        fieldpath.required("spec.containers"),
        fieldpath.invalid_value("metadata.name", "A", "must be lower case"),
        fieldpath.not_supported("spec.restartPolicy", "No", ["Never", "Always"]),
    ]
    error = errors.invalid("", "Pod", "A", problems)
    assert error.message == (
        'Pod "A" is invalid: [spec.containers: Required value, '
        'metadata.name: Invalid value: "A": must be lower case, '
        'spec.restartPolicy: Unsupported value: "No": supported values: "Never", "Always"]'
    )
    assert error.details is not None
    assert error.details["causes"][0] == {
        "reason": "FieldValueRequired",
        "message": "Required value",
        "field": "spec.containers",
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.already_exists("", "pods", "a"), 409),
        (errors.object_modified("", "pods", "a"), 409),
        (errors.forbidden("", "pods", "a", "no"), 403),
        (errors.bad_request("x"), 400),
        (errors.unauthorized(), 401),
        (errors.method_not_supported("", "pods", "patch"), 405),
        (errors.expired("old"), 410),
        (errors.too_large("big"), 413),
        (errors.unsupported_media_type("x"), 415),
        (errors.not_acceptable("x"), 406),
        (errors.internal("x"), 500),
        (errors.too_many_requests("x", 1), 429),
        (errors.unavailable("x"), 503),
    ],
)
def test_codes(error: ApiError, code: int) -> None:
    assert error.code == code
    assert error.status()["code"] == code
