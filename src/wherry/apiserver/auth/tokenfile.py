"""Static bearer tokens: `token,user,uid,"group1,group2"` a line (`--token-auth-file`)."""

from __future__ import annotations

import csv
import io

from wherry.apiserver.attributes import User


class BadTokenFile(ValueError):
    """The file is not one; the text is upstream's."""


def read(text: str, name: str) -> dict[str, User]:
    """Users by token. Groups get `system:authenticated` added."""
    users: dict[str, User] = {}
    for number, row in enumerate(csv.reader(io.StringIO(text), skipinitialspace=True), 1):
        if not row or row[0].lstrip().startswith("#"):
            continue
        if len(row) < 3:
            raise BadTokenFile(
                f"token file '{name}' must have at least 3 columns (token, user name, user uid), "
                f"found {len(row)}"
            )
        token, user, uid = (column.strip() for column in row[:3])
        if not token:
            raise BadTokenFile(f"empty token in file '{name}', record number '{number}'")
        listed = row[3].split(",") if len(row) > 3 else []
        groups = [group.strip() for group in listed if group.strip()]
        users[token] = User(user, tuple(dict.fromkeys([*groups, "system:authenticated"])), uid)
    return users
