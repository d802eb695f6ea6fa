"""The update manager: what it sees of the device and of its agents."""
