"""`python -m evenkeel.controller` is the command `evenkeel`."""

import sys

from evenkeel.controller.front import main

if __name__ == "__main__":
    sys.exit(main())
