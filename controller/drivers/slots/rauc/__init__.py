"""RAUC over D-Bus, from 1.8 (Debian 12) to the newest: it is asked what it can, not for its version."""
