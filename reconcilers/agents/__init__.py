"""The decisions of an update agent: the content of messages, the meaning of commands, and their order. Pure."""
