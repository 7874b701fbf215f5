"""API errors: one class with a reason, and the metav1.Status it stands for.

Constructors are named after upstream's (`k8s.io/apimachinery/pkg/api/errors`) and give its exact
messages. The server raises them, the client raises them again from the Status it received; code
branches on `error.reason`, never on the text.
"""

from __future__ import annotations

from typing import Any

from wherry.api.fieldpath import FieldError, quoted

CODES: dict[str, int] = {
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "AlreadyExists": 409,
    "Conflict": 409,
    "Gone": 410,
    "Invalid": 422,
    "ServerTimeout": 500,
    "StoreReadError": 500,
    "Timeout": 504,
    "TooManyRequests": 429,
    "BadRequest": 400,
    "MethodNotAllowed": 405,
    "NotAcceptable": 406,
    "RequestEntityTooLarge": 413,
    "UnsupportedMediaType": 415,
    "InternalError": 500,
    "Expired": 410,
    "ServiceUnavailable": 503,
}


class ApiError(Exception):
    """A refusal as the API states it. `details` is metav1.StatusDetails as plain JSON values."""

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        code: int | None = None,
        details: dict[str, Any] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.code = CODES.get(reason, 500) if code is None else code
        self.details = details
        self.headers = headers

    def status(self) -> dict[str, Any]:
        """metav1.Status."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if not self.reason:
            del body["reason"]
        if self.details is not None:
            body["details"] = self.details
        return body

    @classmethod
    def from_status(cls, status: dict[str, Any], code: int) -> ApiError:
        return cls(
            str(status.get("reason", "")),
            str(status.get("message", "")),
            code=int(status.get("code") or code),
            details=status.get("details"),
        )


def _details(group: str, resource: str, name: str) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    if resource:
        details["kind"] = resource
    return details


def _qualified(group: str, resource: str) -> str:
    return f"{resource}.{group}" if group else resource


def not_found(group: str, resource: str, name: str) -> ApiError:
    message = f"{_qualified(group, resource)} {quoted(name)} not found"
    return ApiError("NotFound", message, details=_details(group, resource, name))


def already_exists(group: str, resource: str, name: str) -> ApiError:
    message = f'{_qualified(group, resource)} "{name}" already exists'
    return ApiError("AlreadyExists", message, details=_details(group, resource, name))


def conflict(group: str, resource: str, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {_qualified(group, resource)} "{name}": {why}'
    return ApiError("Conflict", message, details=_details(group, resource, name))


OBJECT_MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def object_modified(group: str, resource: str, name: str) -> ApiError:
    return conflict(group, resource, name, OBJECT_MODIFIED)


def forbidden(group: str, resource: str, name: str, why: str) -> ApiError:
    if not name and not resource:
        message = f"forbidden: {why}"
    elif not name:
        message = f"{_qualified(group, resource)} is forbidden: {why}"
    else:
        message = f'{_qualified(group, resource)} "{name}" is forbidden: {why}'
    return ApiError("Forbidden", message, details=_details(group, resource, name))


def invalid(group: str, kind: str, name: str, errors: list[FieldError]) -> ApiError:
    """Field errors collected by validation, in upstream's wording (`field.ErrorList`)."""
    texts = list(dict.fromkeys(e.text() for e in errors))
    joined = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details = _details(group, kind, name)
    details["causes"] = [{"reason": e.type, "message": e.body(), "field": e.path} for e in errors]
    return ApiError(
        "Invalid", f"{_qualified(group, kind)} {quoted(name)} is invalid: {joined}", details=details
    )


def bad_request(message: str) -> ApiError:
    return ApiError("BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError("Unauthorized", "Unauthorized")


def method_not_supported(group: str, resource: str, action: str) -> ApiError:
    message = f'{action} is not supported on resources of kind "{_qualified(group, resource)}"'
    return ApiError("MethodNotAllowed", message, details=_details(group, resource, ""))


def expired(message: str) -> ApiError:
    return ApiError("Expired", message)


def too_large(message: str) -> ApiError:
    return ApiError("RequestEntityTooLarge", message)


def unsupported_media_type(message: str) -> ApiError:
    return ApiError("UnsupportedMediaType", message)


def not_acceptable(message: str) -> ApiError:
    return ApiError("NotAcceptable", message)


def internal(message: str) -> ApiError:
    causes = {"causes": [{"message": message}]}
    return ApiError("InternalError", f"Internal error occurred: {message}", details=causes)


def too_many_requests(message: str, retry_after: int) -> ApiError:
    return ApiError(
        "TooManyRequests",
        message,
        details={"retryAfterSeconds": retry_after},
        headers=(("Retry-After", str(retry_after)),),
    )


def unavailable(message: str) -> ApiError:
    return ApiError("ServiceUnavailable", message)
