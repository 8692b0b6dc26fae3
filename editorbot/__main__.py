"""Lets ``python -m editorbot`` do what ``editorbot`` does."""

import sys

from editorbot.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
