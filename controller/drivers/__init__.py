"""How an engine is observed and acted upon. Drivers do not know each other; `controller.wiring` builds them."""
