"""The configuration of Kanto's update manager: its keys, its command line, and the settings that they mean here."""
