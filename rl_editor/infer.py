"""``python -m rl_editor.infer input.wav --checkpoint best.pt --output output.wav``: forwards to ``editorbot edit``.

A checkpoint of the supervised trainer holds a tone and no policy: the policy that ships edits then, the tone polishes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from editorbot.cli.main import main
from editorbot.errors import EditorbotError

TONES = ("reconstruct", "mel2mel")
"""What the supervised trainer trains."""


def arguments_of(given: list[str]) -> list[str]:
    """Return the arguments of ``editorbot`` for those of the original command."""
    named = any(argument.split("=")[0] == "--editor" for argument in given)
    editor = [] if named else ["--editor", "policy"]
    return ["edit", *editor, *_with_tone(given)]


def _with_tone(given: list[str]) -> list[str]:
    """Return arguments in which the checkpoint of a tone is named as one."""
    joined = [part for argument in given for part in _parted(argument)]
    if "--checkpoint" not in joined[:-1]:
        return given
    at = joined.index("--checkpoint")
    path = Path(joined[at + 1])
    method = _method_of(path)
    if method not in TONES:
        return given
    tone = path.with_name(f"{method}.safetensors")
    print(f"{path} holds a tone: the policy that ships edits, {tone} polishes", file=sys.stderr)
    return [*joined[:at], "--polish", method, "--polish-checkpoint", str(tone), *joined[at + 2 :]]


def _parted(argument: str) -> list[str]:
    return argument.split("=", 1) if argument.startswith("--checkpoint=") else [argument]


def _method_of(path: Path) -> str:
    """Return what a checkpoint was trained for; nothing where it is none, which ``edit`` will say."""
    if path.suffix != ".pt":
        return ""
    try:
        from editorbot.models.checkpoint import load_checkpoint

        return load_checkpoint(path, method=("bc", "ppo", *TONES)).method
    except (EditorbotError, ImportError):
        return ""


if __name__ == "__main__":
    sys.exit(main(arguments_of(sys.argv[1:])))
