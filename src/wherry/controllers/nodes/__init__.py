"""Nodes: are they alive, what follows for their pods, and which addresses their pods have."""
