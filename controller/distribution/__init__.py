"""Registries of images over HTTP (OCI distribution protocol), for all that ask one without an engine between.

One way to trust, one flow of logins and tokens, one bound of answers: whoever asks a registry goes this way.
"""
