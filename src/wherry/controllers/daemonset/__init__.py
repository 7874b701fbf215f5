"""DaemonSet: one pod on every node that is fit for it."""
