"""Checks of single values, with upstream's words, collected into a list of field errors.

Every check takes the value, its path and the list it adds to. What the texts may look like is in
`wherry.api.validation_text`; here are the rest of upstream's format rules and the shorthand for both.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wherry.api import quantity, validation_text
from wherry.api.fieldpath import FieldError, invalid_value, not_supported, required, too_long

Errors = list[FieldError]

NOT_NEGATIVE = "must be greater than or equal to 0"
IMMUTABLE = "field is immutable"
MAX_INT32 = 2**31 - 1
_ANNOTATION_LIMIT = 256 * 1024
_HEADER_NAME = re.compile("[-A-Za-z0-9]+")
_LABEL = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def complain(problems: Iterable[str], path: str, value: Any, out: Errors) -> None:
    out.extend(invalid_value(path, value, problem) for problem in problems)


def name(value: str, rule: Callable[[str], list[str]], path: str, out: Errors) -> None:
    """By one of the rules of validation_text."""
    complain(rule(value), path, value, out)


def dns_label(value: str, path: str, out: Errors) -> None:
    if not _LABEL.fullmatch(value):
        complain(validation_text.dns_label(value), path, value, out)


def prefixed(rule: Callable[[str], list[str]], value: str) -> list[str]:
    """The rule for a name that something will be appended to: it may end in a dash."""
    return rule(value[:-1] + "a" if len(value) > 1 and value.endswith("-") else value)


def one_of(value: Any, allowed: tuple[str, ...], path: str, out: Errors) -> None:
    """Required, and one of these."""
    if not value:
        out.append(required(path))
    elif value not in allowed:
        out.append(not_supported(path, value, allowed))


def not_negative(value: int | None, path: str, out: Errors) -> None:
    if value is not None and value < 0:
        out.append(invalid_value(path, value, NOT_NEGATIVE))


def in_range(value: int | None, low: int, high: int, path: str, out: Errors) -> None:
    if value is not None and not low <= value <= high:
        out.append(invalid_value(path, value, f"must be between {low} and {high}, inclusive"))


def port_number(value: int, path: str, out: Errors) -> None:
    in_range(value, 1, 65535, path, out)


def port(value: Any, path: str, out: Errors) -> None:
    """A number or the name of one (ValidatePortNumOrName)."""
    if isinstance(value, int):
        port_number(value, path, out)
    else:
        name(str(value), validation_text.port_name, path, out)


def identity(value: int | None, path: str, out: Errors) -> None:
    """A user or group id."""
    in_range(value, 0, MAX_INT32, path, out)


def parse_ip(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Leading zeros in IPv4 octets are taken as decimal, as upstream's ParseIPSloppy does."""
    if "." in value and ":" not in value:
        value = ".".join(part.lstrip("0") or "0" if part.isdigit() else part for part in value.split("."))
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


def ip(value: str, path: str, out: Errors) -> None:
    parsed = parse_ip(value)
    if parsed is None:
        message = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        out.append(invalid_value(path, value, message))


def reachable_ip(value: str, path: str, out: Errors) -> None:
    """Not one that means something to one node only (ValidateNonSpecialIP)."""
    parsed = parse_ip(value)
    if parsed is None:
        out.append(invalid_value(path, value, "must be a valid IP address"))
        return
    for wrong, message in (
        (parsed.is_unspecified, f"may not be unspecified ({value})"),
        (parsed.is_loopback, "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
        (parsed.is_link_local, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
        (
            _link_local_multicast(parsed),
            "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",
        ),
    ):
        if wrong:
            out.append(invalid_value(path, value, message))


def _link_local_multicast(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address in ipaddress.IPv4Network("224.0.0.0/24")
    return address.packed[0] == 0xFF and address.packed[1] & 0x0F == 0x02


def cidr(value: str, path: str, out: Errors) -> None:
    try:
        ipaddress.ip_interface(value if "/" in value else "")
    except ValueError:
        message = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
        out.append(invalid_value(path, value, message))


def header_name(value: str, path: str, out: Errors) -> None:
    if not _HEADER_NAME.fullmatch(value):
        message = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', "
        out.append(invalid_value(path, value, f"{message}regex used for validation is '[-A-Za-z0-9]+')"))


def label_key(value: str, path: str, out: Errors) -> None:
    name(value, validation_text.qualified_name, path, out)


def labels(found: Mapping[str, str] | None, path: str, out: Errors) -> None:
    """ValidateLabels."""
    for key, value in (found or {}).items():
        complain(validation_text.qualified_name(key), path, key, out)
        complain(validation_text.label_value(value), path, value, out)


def annotation_map(found: Mapping[str, str] | None, path: str, out: Errors) -> None:
    """ValidateAnnotations."""
    size = 0
    for key, value in (found or {}).items():
        complain(validation_text.qualified_name(key.lower()), path, key, out)
        size += len(key) + len(value)
    if size > _ANNOTATION_LIMIT:
        out.append(too_long(path, _ANNOTATION_LIMIT))


def no_backsteps(value: str, path: str, out: Errors) -> None:
    if ".." in value.split("/"):
        out.append(invalid_value(path, value, "must not contain '..'"))


def relative_path(value: str, path: str, out: Errors) -> None:
    if value.startswith("/"):
        out.append(invalid_value(path, value, "must be a relative path"))
    no_backsteps(value, path, out)


def file_path(value: str, path: str, out: Errors) -> None:
    """A relative path whose name does not begin as the kubelet's own do."""
    relative_path(value, path, out)
    if value.startswith("..") and not value.startswith("../"):
        out.append(invalid_value(path, value, "must not start with '..'"))


def file_mode(value: int | None, path: str, out: Errors) -> None:
    if value is not None and not 0 <= value <= 0o777:
        out.append(invalid_value(path, value, "must be a number between 0 and 0777 (octal), both inclusive"))


def positive_quantity(value: Any, path: str, out: Errors) -> None:
    if quantity.parse(value) <= 0:
        out.append(invalid_value(path, str(value), "must be greater than zero"))


def immutable(new: Any, old: Any, path: str, out: Errors) -> None:
    """ValidateImmutableField."""
    if new != old:
        out.append(invalid_value(path, new, IMMUTABLE))
