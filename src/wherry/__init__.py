"""Kubernetes, whole, in Python. See docs/architecture.md for the rooms and the way of a pod."""

__version__ = "0.1.0"

KUBERNETES_VERSION = "v1.37.0"
