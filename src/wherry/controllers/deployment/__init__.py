"""Deployment: rolling a pod template out over ReplicaSets."""
