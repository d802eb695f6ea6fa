"""The decisions of an update agent: what is asked, what it means, which command may do what. Pure."""
