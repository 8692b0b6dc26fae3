"""Splits into training, validation and test by artist, never by window.

Windows of one track are so similar that a network may recognize the track, and tracks of one artist share
players, room and sound. So all tracks of an artist are in one split. Of the music that `tools.music_table` lists,
three artists are the test set: nothing may be trained, tuned or chosen on them. A user's own music is in no split.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from editorbot.corpus.truth import find_truth, read_truth
from editorbot.errors import EditorbotError, SplitError, UsageError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
"""Names of the splits."""

_ARTISTS: dict[Split, tuple[str, ...]] = {
    "test": ("fretsonfire-songs-muldjord", "zaz-data", "singularity-music"),
    "validation": ("colobot-common-sounds", "hyperrogue-music"),
    # The artist of openarena may have written for freedoom too, so both are on one side. What follows wesnoth came
    # later, to train on more artists; so what was chosen and reported before stays comparable.
    "train": (
        "nexuiz-music", "openarena-088-data", "freedoom", "planetblupi-music-midi", "planetblupi-music-ogg",
        "ufoai-music", "warzone2100-music", "asc-music", "wesnoth-1.16-music",
        "0ad-data", "adonthell-data", "ardentryst", "berusky2-data", "btanks-data", "drascula-music", "enigma-data",
        "extremetuxracer-data", "fillets-ng-data", "flare-game", "freedroidrpg-data", "freeorion-data",
        "fretsonfire-songs-sectoid", "frozen-bubble-data", "glob2-data", "hedgewars-data", "hex-a-hop-data",
        "lincity-ng-data", "lordsawar-data", "lugaru-data", "marsshooter-data", "megaglest-data", "mu-cade-data",
        "naev-data", "noiz2sa-data", "openclonk-data", "plee-the-bear-data", "powermanga-data", "pushover-data",
        "redeclipse-data", "rrootage-data", "scorched3d-data", "starfighter-data", "supertux-data", "supertuxkart-data",
        "torcs-data", "torus-trooper-data", "trackballs-data", "tumiki-fighters-data", "tuxfootball",
        "unknown-horizons", "warmux-data", "widelands-data", "xmoto-data",
    ),
}  # fmt: skip

SPLIT_OF_ARTIST: Mapping[str, Split] = MappingProxyType(
    {artist: split for split, artists in _ARTISTS.items() for artist in artists}
)
"""Artist -> split; an artist goes by the name of the package that the music comes in."""

SHORT_NAMES: Mapping[str, str] = MappingProxyType({
    "muldjord": "fretsonfire-songs-muldjord", "zaz": "zaz-data", "singularity": "singularity-music",
    "colobot": "colobot-common-sounds", "hyperrogue": "hyperrogue-music", "nexuiz": "nexuiz-music",
    "openarena": "openarena-088-data", "planetblupi": "planetblupi-music-ogg", "ufoai": "ufoai-music",
    "warzone": "warzone2100-music", "warzone2100": "warzone2100-music", "asc": "asc-music",
    "wesnoth": "wesnoth-1.16-music",
})  # fmt: skip
"""Other names of the artists, used in truths."""

OTHER_ARTISTS, SOME_SAME_ARTISTS, ARTISTS_UNKNOWN = (
    "of other artists",
    "some of them of the same artists",
    "whose artists are not all known",
)
"""What cards say about the validation artists; see `artist_overlap`."""

_JAM_NUMBER = re.compile(r"_s\d+_\d+$")
"""What the simulation appends to the name of a track: seed and number."""


def split_of(artist: str) -> Split | None:
    """Return the split of an artist; None for an artist that is not of the project's music.

    Examples
    --------
    >>> split_of("zaz-data"), split_of("muldjord"), split_of("our-band")
    ('test', 'test', None)
    """
    return SPLIT_OF_ARTIST.get(_one_name(artist))


def artist_of(path: str | os.PathLike[str]) -> str:
    """Return the artist of a track: the folder with an artist's name, or else the folder that it is in.

    Examples
    --------
    >>> artist_of("/music/zaz-data/usr/share/games/zaz/mus1.ogg")
    'zaz-data'
    >>> artist_of("/home/me/our-band/song.wav")
    'our-band'
    """
    folders = Path(path).absolute().parts[:-1]
    known = [name for name in folders if name.lower() in SPLIT_OF_ARTIST]
    return known[-1].lower() if known else (folders[-1] if folders else "")


def artist_of_sample(data_folder: str | os.PathLike[str], sample: str) -> str:
    """Return the artist that the truth of a sample names, or an empty text; errors as in `find_truth`."""
    truth = find_truth(data_folder, sample)
    return "" if truth is None else truth.artist


@dataclass(frozen=True)
class ArtistSplit:
    """Samples to train on, and samples to validate on."""

    train: tuple[str, ...]
    """Names, in order; empty only if there are no samples."""
    valid: tuple[str, ...]
    """Names, in order; empty if all samples are of one artist."""


def split_by_artist(artists: Mapping[str, str], share: float) -> ArtistSplit:
    """Hold the samples of some artists out for validation; which ones depends on the artists' names only.

    Parameters
    ----------
    artists : mapping
        Artist of each sample, by the sample's name; empty if not known. Then the name counts as the
        artist, without the number that the simulation gives it, so that jams of one track stay together.
    share : float, in (0, 1)
        Share of the artists that is held out: at least one of two, and never all.

    Examples
    --------
    >>> split_by_artist({"one": "us", "two": "us", "three": "them"}, 0.1)
    ArtistSplit(train=('three',), valid=('one', 'two'))
    """
    groups: dict[str, list[str]] = {}
    for sample in sorted(artists):
        groups.setdefault(_one_name(artists[sample]) or _JAM_NUMBER.sub("", sample), []).append(sample)
    names = sorted(groups, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    chosen = set(names[: min(max(1, round(share * len(names))), len(names) - 1)])
    return ArtistSplit(
        train=tuple(sorted(sample for name in names if name not in chosen for sample in groups[name])),
        valid=tuple(sorted(sample for name in chosen for sample in groups[name])),
    )


def artist_overlap(train: Iterable[str], valid: Iterable[str]) -> str:
    """Say for a card whether the validation artists are others than those of the training; empty text is unknown.

    Examples
    --------
    >>> artist_overlap(["us"], ["them"]), artist_overlap(["us", ""], ["them"])
    ('of other artists', 'whose artists are not all known')
    """
    ours, theirs = ({_one_name(artist) for artist in side} for side in (train, valid))
    if (ours & theirs) - {""}:
        return SOME_SAME_ARTISTS
    return ARTISTS_UNKNOWN if "" in ours | theirs else OTHER_ARTISTS


def _one_name(artist: str) -> str:
    """Return the one name for all names of an artist."""
    name = artist.strip().lower()
    return SHORT_NAMES.get(name, name)


def check_splits(artists: Mapping[str, Iterable[str]]) -> None:
    """Raise a SplitError if two splits share an artist, or one has an artist of the project's music from another."""
    sides: dict[str, str] = {}
    for split, names in artists.items():
        for artist in names:
            one = _one_name(artist)
            own = SPLIT_OF_ARTIST.get(one)
            if own is not None and split in SPLITS and own != split:
                raise SplitError(f"{artist} is in {split}, but belongs to {own}; splits go by artist")
            if sides.setdefault(one, split) != split:
                raise SplitError(f"{artist} is in {sides[one]} and in {split}; an artist belongs to one split")


def refuse_held_out(tracks: Sequence[str | os.PathLike[str]], *, what: str = "training") -> None:
    """Raise a SplitError if a track is of a test artist; `what` names the use in the message."""
    for track in tracks:
        refuse_artist(artist_of(track), what=what, path=track)


def refuse_shared_folders(train: Iterable[Path], valid: Iterable[Path]) -> None:
    """Raise a UsageError if a folder, which stands for an artist, holds tracks of both sides."""
    both = {path.resolve().parent for path in train} & {path.resolve().parent for path in valid}
    if both:
        raise UsageError(f"{min(both)} is on the training and on the validation side; split by artist (folder)")


def refuse_held_out_pairs(data_folder: str | os.PathLike[str], *, what: str = "training") -> None:
    """Raise a SplitError if a truth in a data folder names a test artist.

    Truths that cannot be read are passed over: training on them reports what is wrong.
    """
    for path in sorted(Path(data_folder).glob("truth/*.json")):
        try:
            artist = read_truth(path).artist
        except EditorbotError:
            continue
        refuse_artist(artist, what=what, path=path)


def refuse_artist(artist: str, *, what: str = "training", path: str | os.PathLike[str] | None = None) -> None:
    """Raise a SplitError for a test artist; see `refuse_held_out`."""
    if split_of(artist) == "test":
        raise SplitError(f"{artist} is a test artist, kept out of all {what}; leave it out", path=path)
