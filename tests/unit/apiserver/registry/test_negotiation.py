from __future__ import annotations

import pytest

from wherry.api.errors import ApiError
from wherry.apiserver.registry.negotiation import PLAIN, Accept, accept, is_browser

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("application/json, */*", PLAIN),
        (TABLE, Accept("Table")),
        (f"{TABLE},application/json", Accept("Table")),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", PLAIN),
        ("application/vnd.kubernetes.protobuf,application/json", PLAIN),
        ("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", Accept("PartialObjectMetadata")),
        ("application/yaml", Accept(yaml=True)),
        ("application/json;q=0.5,application/yaml;q=0.9", Accept(yaml=True)),
        ("application/yaml;q=0,application/json", PLAIN),
        ("application/json;stream=watch", PLAIN),
    ],
)
def test_what_is_taken(header: str, found: Accept) -> None:
    assert accept(header) == found


@pytest.mark.parametrize(
    "header", ["text/html", "application/json;q=0", "application/vnd.kubernetes.protobuf"]
)
def test_what_can_not_be_had(header: str) -> None:
    with pytest.raises(ApiError) as caught:
        accept(header)
    assert caught.value.code == 406


def test_a_watch_is_not_yaml() -> None:
    assert accept("application/yaml,application/json", streaming=True) == PLAIN


def test_human_eyes() -> None:
    assert is_browser("curl/8.1") and is_browser("Mozilla/5.0 (X11)")
    assert not is_browser("kubectl/v1.37")
