"""``python -m pointer_network.precache_samples [sample ...]``: forwards to ``editorbot pairs precache``."""

from __future__ import annotations

import sys

from editorbot.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["pairs", "precache", *sys.argv[1:]]))
