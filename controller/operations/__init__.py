"""The update manager of the device: one desired state over the agents of all domains."""
