"""Where feedback goes. Sinks do not know each other; `controller.wiring` builds them."""
