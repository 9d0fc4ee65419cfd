"""`python -m ramodel` is the command `ramodel`."""

from ramodel.cli import main

if __name__ == "__main__":
    main()
