"""``python -m rl_editor.infer input.wav --checkpoint best.pt --output output.wav``: forwards to ``editorbot edit``."""

from __future__ import annotations

import sys

from editorbot.cli.main import main

if __name__ == "__main__":
    named = [] if "--editor" in sys.argv else ["--editor", "policy"]
    sys.exit(main(["edit", *named, *sys.argv[1:]]))
