"""``python -m scripts.fetch_music``: forwards to ``python -m tools.fetch_music``."""

from __future__ import annotations

import sys

from tools.fetch_music import main

if __name__ == "__main__":
    sys.exit(main())
