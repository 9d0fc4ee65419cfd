"""`python -m ramodel` is the command `ramodel`."""

import sys

from ramodel.cli import main

if __name__ == "__main__":
    sys.exit(main())
