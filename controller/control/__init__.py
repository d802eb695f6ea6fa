"""The socket by which commands speak to the controller at work."""
