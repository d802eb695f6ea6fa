"""One revision on its way over all domains of the device."""
