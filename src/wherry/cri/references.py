"""Image references as people write them, and what they stand for."""

from __future__ import annotations


def full_name(image: str) -> str:
    """The full reference: `web` is `docker.io/library/web:latest`."""
    host, slash, rest = image.partition("/")
    if not slash:
        host, rest = "docker.io", f"library/{image}"
    elif not ("." in host or ":" in host or host == "localhost"):
        host, rest = "docker.io", image
    last = rest.rpartition("/")[2]
    return f"{host}/{rest}" if ":" in last or "@" in last else f"{host}/{rest}:latest"
