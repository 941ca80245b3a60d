"""`python -m bench.days`, or `make days`."""

import sys

from bench.days.command import main

if __name__ == "__main__":
    sys.exit(main())
