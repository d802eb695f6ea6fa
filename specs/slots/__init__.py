"""The nouns of the slots domain: operating systems in slots of the device, of which one is booted."""
