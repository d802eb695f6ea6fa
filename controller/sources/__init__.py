"""Sources of desired states. They do not know each other; `controller.wiring` builds them."""
