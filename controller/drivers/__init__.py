"""The drivers: observation of engines, and actions on them. Drivers do not know each other; `controller.wiring` builds
them."""
