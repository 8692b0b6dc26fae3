"""``python -m rl_editor.train``: forwards to ``editorbot train ppo``, which has all the original flags."""

from __future__ import annotations

import sys

from editorbot.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", "ppo", *sys.argv[1:]]))
