"""Endpoints of Services: EndpointSlices, and the older Endpoints objects."""
