"""``python -m rl_editor.supervised_trainer``: forwards to ``editorbot train reconstruct``."""

from __future__ import annotations

import sys

from editorbot.cli.main import main

if __name__ == "__main__":
    named = any(flag.startswith(("--data-dir", "--data_dir", "--tracks")) for flag in sys.argv)
    data_dir = [] if named else ["--data-dir", "training_data"]
    sys.exit(main(["train", "reconstruct", *data_dir, *sys.argv[1:]]))
