"""The domain of containers: select, diff and plan, as pure functions. Knows no other domain."""
