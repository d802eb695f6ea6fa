"""Sinks of feedback. They do not know each other; `controller.wiring` builds them."""
