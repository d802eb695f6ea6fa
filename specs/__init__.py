"""The nouns: frozen values, their codecs, errors and JSON Schema. No I/O, no clock; the lowest layer, it imports none
of the others."""

if __name__ == "specs":  # the same file under a second name would make two unequal sets of classes
    raise ImportError("import evenkeel.specs, not 'specs'; run: pip install -e .")
