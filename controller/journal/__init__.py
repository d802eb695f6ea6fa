"""The state that survives a power loss: one SQLite file per state directory, and the lock that makes it one
controller's."""
