"""The rules for names, labels and the like (`k8s.io/apimachinery/pkg/util/validation`).

Every function takes the text and returns the list of complaints, empty when it is fine, in
upstream's words.
"""

from __future__ import annotations

import re

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_LABEL = re.compile(_LABEL)
_DNS_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_DNS_1035 = re.compile("[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile("([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_VALUE = re.compile("(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_PORT_NAME = re.compile("[-a-z0-9]+")
_ENV_NAME = re.compile("[ -<>-~]+")
_CONFIG_KEY = re.compile("[-._a-zA-Z0-9]+")

LABEL_MESSAGE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
    "start and end with an alphanumeric character"
)
SUBDOMAIN_MESSAGE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
LABEL_1035_MESSAGE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character"
)
QUALIFIED_MESSAGE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character"
)
VALUE_MESSAGE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)


def _regex(message: str, pattern: str, *examples: str) -> str:
    shown = ",  or ".join(f"'{example}'" for example in examples)
    return f"{message} (e.g. {shown}, regex used for validation is '{pattern}')"


def _max(limit: int, unit: str = "characters") -> str:
    """Upstream's older rules count characters, those for labels and resource names bytes."""
    return f"must be no more than {limit} {unit}"


def dns_label(text: str) -> list[str]:
    """RFC 1123 label: most namespaced names that become host names."""
    out = [_max(63)] if len(text) > 63 else []
    if not _DNS_LABEL.fullmatch(text):
        if _DNS_SUBDOMAIN.fullmatch(text):
            return [*out, "must not contain dots"]
        out.append(_regex(LABEL_MESSAGE, _LABEL, "my-name", "123-abc"))
    return out


def dns_subdomain(text: str) -> list[str]:
    """RFC 1123 subdomain: the name of most objects."""
    out = [_max(253)] if len(text) > 253 else []
    if not _DNS_SUBDOMAIN.fullmatch(text):
        pattern = rf"{_LABEL}(\.{_LABEL})*"
        out.append(_regex(SUBDOMAIN_MESSAGE, pattern, "example.com"))
    return out


def dns_1035_label(text: str) -> list[str]:
    """RFC 1035 label: Service names."""
    out = [_max(63)] if len(text) > 63 else []
    if not _DNS_1035.fullmatch(text):
        out.append(_regex(LABEL_1035_MESSAGE, "[a-z]([-a-z0-9]*[a-z0-9])?", "my-name", "abc-123"))
    return out


def path_segment(text: str) -> list[str]:
    """Names that may only not break a URL path (RBAC objects)."""
    if text in (".", ".."):
        return [f"may not be '{text}'"]
    return [f"may not contain '{bad}'" for bad in ("/", "%") if bad in text]


def qualified_name(text: str) -> list[str]:
    """Label and annotation keys, resource names: `prefix/name`."""
    prefix, slash, name = text.rpartition("/")
    out: list[str] = []
    if slash:
        if prefix.count("/"):
            pattern = _regex(
                "a valid label key " + QUALIFIED_MESSAGE,
                "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
                "MyName",
                "my.name",
                "123-abc",
            )
            return [f"{pattern} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
        if not prefix:
            out.append("prefix part must be non-empty")
        else:
            problems = [p.replace(_max(253), _max(253, "bytes")) for p in dns_subdomain(prefix)]
            out += [f"prefix part {problem}" for problem in problems]
    if not name:
        out.append("name part must be non-empty")
    elif len(name) > 63:
        out.append("name part " + _max(63, "bytes"))
    if not _QUALIFIED.fullmatch(name):
        pattern = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
        out.append("name part " + _regex(QUALIFIED_MESSAGE, pattern, "MyName", "my.name", "123-abc"))
    return out


def label_value(text: str) -> list[str]:
    out = [_max(63, "bytes")] if len(text) > 63 else []
    if not _VALUE.fullmatch(text):
        pattern = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
        out.append(_regex(VALUE_MESSAGE, pattern, "MyValue", "my_value", "12345"))
    return out


def port_name(text: str) -> list[str]:
    """IANA service name (RFC 6335): named ports."""
    out: list[str] = []
    if len(text) > 15:
        out.append("must be no more than 15 characters")
    if not _PORT_NAME.fullmatch(text):
        out.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", text):
        out.append("must contain at least one letter (a-z)")
    if "--" in text:
        out.append("must not contain consecutive hyphens")
    if text and (text[0] == "-" or text[-1] == "-"):
        out.append("must not begin or end with a hyphen")
    return out


def port_number(port: int) -> list[str]:
    return [] if 1 <= port <= 65535 else ["must be between 1 and 65535, inclusive"]


def env_name(text: str) -> list[str]:
    if not _ENV_NAME.fullmatch(text):
        return [
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
        ]
    return []


def config_key(text: str) -> list[str]:
    """Keys of ConfigMaps and Secrets."""
    out = [_max(253)] if len(text) > 253 else []
    if not _CONFIG_KEY.fullmatch(text):
        message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        out.append(_regex(message, "[-._a-zA-Z0-9]+", "key.name", "KEY_NAME", "key-name"))
    elif text in (".", ".."):
        out.append(f"must not be '{text}'")
    elif text.startswith(".."):
        out.append("must not start with '..'")
    return out
