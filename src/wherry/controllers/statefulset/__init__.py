"""StatefulSet: pods with a place, a name and a disk of their own, one after the other."""
