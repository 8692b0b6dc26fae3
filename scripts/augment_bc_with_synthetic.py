"""``python -m scripts.augment_bc_with_synthetic``: forwards to ``editorbot pairs augment``."""

from __future__ import annotations

import sys
from pathlib import Path

# Run as a file, Python looks for packages beside the file, not in the checkout.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from editorbot.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["pairs", "augment", *sys.argv[1:]]))
