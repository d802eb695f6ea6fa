"""What takes part in an update: domains of this device, driven in the phases of whoever commands them."""
