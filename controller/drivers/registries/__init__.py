"""The driver of the registries domain: who lets the device in, on an engine's configuration or a simulated one."""
