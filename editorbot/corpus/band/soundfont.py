"""Finds the soundfont that the virtual band plays on."""

from __future__ import annotations

import os
from pathlib import Path

from editorbot.errors import NotFoundError

VARIABLE = "EDITORBOT_SOUNDFONT"
"""Environment variable that names the soundfont."""

FOLDERS = (
    Path("/usr/share/sounds/sf2"),
    Path("/usr/share/soundfonts"),
    Path("/usr/local/share/soundfonts"),
    Path("/opt/homebrew/share/soundfonts"),
    Path.home() / "Library" / "Audio" / "Sounds" / "Banks",
    Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "soundfonts",
)
"""Where systems keep soundfonts."""


def find_soundfont(given: Path | None = None) -> Path:
    """Return the soundfont given, named by EDITORBOT_SOUNDFONT, or found in the usual folders.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    named = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise NotFoundError("there is no such soundfont", path=named)
        return named
    for folder in FOLDERS:
        found = sorted(folder.glob("*.sf2")) if folder.is_dir() else []
        if found:
            return found[0]
    raise NotFoundError(
        "no soundfont (.sf2) was found; name one, set EDITORBOT_SOUNDFONT, or install one"
        " (Debian: apt install timgm6mb-soundfont)"
    )
