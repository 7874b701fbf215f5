"""Benchmarks: `python -m bench [NAME...]`. Numbers in the documentation come from here."""
