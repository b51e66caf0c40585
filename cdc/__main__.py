"""`python -m cdc`: the same as the console script `cdc`."""

from cdc.cli.main import main

if __name__ == "__main__":
    main()
