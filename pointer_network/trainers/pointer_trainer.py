"""``python -m pointer_network.trainers.pointer_trainer``: forwards to ``editorbot train pointer``."""

from __future__ import annotations

import sys

from editorbot.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", "pointer", *sys.argv[1:]]))
