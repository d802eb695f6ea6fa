"""Where desired state comes from. Sources do not know each other; `controller.wiring` builds them."""
