"""Job: pods that run to their end, so many of them, and not more failures than that."""
