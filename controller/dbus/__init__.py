"""The system bus: one connection for all that speak D-Bus, and the services of the system behind it."""
