"""The finished music that the project learns from and reports on: what is known of a package, what of a track.

All of it is free music that comes as Debian packages: `tools.music_table` lists them, `tools.packages` unpacks them,
``python -m tools.fetch_music`` fetches them. The package stands for the artist, and the artist decides the split
(`corpus.splits`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from editorbot.atomic import write_whole
from editorbot.corpus.splits import SPLIT_OF_ARTIST, Split, check_splits
from editorbot.errors import FormatError, NotFoundError

MANIFEST = "manifest.json"
"""Name of the manifest in a music folder."""

FORMAT, VERSION = "editorbot.music", 1
"""Fields ``format`` and ``version`` of the manifest."""

Layout = Literal["files", "zip", "wad", "stems"]


@dataclass(frozen=True)
class Package:
    """One Debian package with music, or with sounds that music is made from."""

    name: str
    """Its name, which stands for the artist too."""
    licence: str
    """Licence of what is in it; the package's own copyright file is kept beside the tracks."""
    inside: str
    """Pattern of the files in the package that hold the music; several are parted by ``|``."""
    tracks: int
    """How many tracks it holds; an older or newer package may hold others, which is told."""
    layout: Layout = "files"
    """files: tracks as they are; zip: an archive of tracks; wad: a game's archive of MIDI; stems: layers to add up."""
    tracks_inside: str = "*"
    """Pattern of the tracks in an archive."""
    left_out: tuple[str, ...] = ()
    """Names of files that match but are not wanted."""
    least_s: float = 0.0
    """Tracks shorter than this are not kept [seconds]: effects and jingles that lie among the music."""

    @property
    def split(self) -> Split | None:
        """The split it stands in; None for sounds that are no music."""
        return SPLIT_OF_ARTIST.get(self.name)


SOUNDS = "sounds"
"""Folder of what is no music but makes some."""


@dataclass(frozen=True)
class TrackEntry:
    """One line of the manifest."""

    path: str
    """The file, below the music folder, parted by slashes."""
    package: str
    """Where it comes from."""
    artist: str
    """Whose it is."""
    licence: str
    """Under which licence."""
    length_s: float | None
    """How long it is [seconds]; None for what is no music, and for MIDI where mido is not installed."""
    format: str
    """Ending of the file: ogg, opus, mp3, flac, mid ...."""
    split: Split | None
    """The split that it stands in; None for what is no music."""
    bytes: int
    """Size of the file."""


def folder_of(package: Package) -> str:
    """Return the folder of a package's tracks below the music folder: ``SPLIT/ARTIST``."""
    return f"{package.split or SOUNDS}/{package.name}"


def write_manifest(folder: Path, entries: Sequence[TrackEntry]) -> None:
    """Write the manifest of a music folder.

    Raises
    ------
    SplitError
        If an artist stands in two splits.
    OutputError
        If it cannot be written.
    """
    check_splits(
        {split: {e.artist for e in entries if e.split == split} for split in {e.split for e in entries} if split}
    )
    document = {"format": FORMAT, "version": VERSION, "tracks": [asdict(entry) for entry in entries]}
    write_whole(folder / MANIFEST, (json.dumps(document, indent=1) + "\n").encode())


def read_manifest(path: Path) -> tuple[TrackEntry, ...]:
    """Read a manifest.

    Raises
    ------
    NotFoundError
        If there is none.
    FormatError
        If it is none that is known here.
    """
    try:
        document: Any = json.loads(path.read_bytes())
        if document["format"] != FORMAT or document["version"] != VERSION:
            raise FormatError("it is no manifest that is known here; delete it and fetch again", path=path)
        return tuple(TrackEntry(**entry) for entry in document["tracks"])
    except FileNotFoundError as error:
        raise NotFoundError("there is no manifest; run python -m tools.fetch_music", path=path) from error
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"the manifest is damaged ({error!r}); delete it and fetch again", path=path) from error
