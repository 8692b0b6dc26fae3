"""``python -m pointer_network.infer input.wav --checkpoint F``: forwards to ``editorbot edit --editor pointer``.

The picture of the pointers lies beside the track.
"""

from __future__ import annotations

import sys

from editorbot.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["edit", "--export", "picture", "--editor", "pointer", *sys.argv[1:]]))
