"""The decisions of an update manager: one desired state over several domains."""
