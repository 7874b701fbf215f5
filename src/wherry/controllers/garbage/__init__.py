"""Garbage collection: what is owned goes when its last owner is gone."""
