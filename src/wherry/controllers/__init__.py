"""The controller manager: one reconciler per controller, all of them clients of the API only."""
