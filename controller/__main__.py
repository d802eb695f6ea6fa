"""`python -m evenkeel.controller` is the command `evenkeel`."""

import sys

from evenkeel.controller.cli import main

if __name__ == "__main__":
    sys.exit(main())
