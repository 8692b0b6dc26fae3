"""Who is trained on, who is chosen on, who is only reported on: splits by artist, never by window.

Windows of one track are so alike that a network may recognize the track, and tracks of one artist share
players, room and sound. So a whole artist stands on one side. Of the music that `tools.music_table` lists, three
artists are the test set: nothing may be trained, tuned or chosen on them. A user's own music belongs to no split.
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

SPLIT_OF_ARTIST: Mapping[str, Split] = MappingProxyType(
    {
        "fretsonfire-songs-muldjord": "test",
        "zaz-data": "test",
        "singularity-music": "test",
        "colobot-common-sounds": "validation",
        "hyperrogue-music": "validation",
        "nexuiz-music": "train",
        # Its artist may have written for freedoom too, so both stand on one side.
        "openarena-088-data": "train",
        "freedoom": "train",
        "planetblupi-music-midi": "train",
        "planetblupi-music-ogg": "train",
        "ufoai-music": "train",
        "warzone2100-music": "train",
        "asc-music": "train",
        "wesnoth-1.16-music": "train",
        # These came later, to learn from more artists. All are trained on, so that what was chosen and reported before
        # stays comparable.
        "0ad-data": "train",
        "adonthell-data": "train",
        "ardentryst": "train",
        "berusky2-data": "train",
        "btanks-data": "train",
        "drascula-music": "train",
        "enigma-data": "train",
        "extremetuxracer-data": "train",
        "fillets-ng-data": "train",
        "flare-game": "train",
        "freedroidrpg-data": "train",
        "freeorion-data": "train",
        "fretsonfire-songs-sectoid": "train",
        "frozen-bubble-data": "train",
        "glob2-data": "train",
        "hedgewars-data": "train",
        "hex-a-hop-data": "train",
        "lincity-ng-data": "train",
        "lordsawar-data": "train",
        "lugaru-data": "train",
        "marsshooter-data": "train",
        "megaglest-data": "train",
        "mu-cade-data": "train",
        "naev-data": "train",
        "noiz2sa-data": "train",
        "openclonk-data": "train",
        "plee-the-bear-data": "train",
        "powermanga-data": "train",
        "pushover-data": "train",
        "redeclipse-data": "train",
        "rrootage-data": "train",
        "scorched3d-data": "train",
        "starfighter-data": "train",
        "supertux-data": "train",
        "supertuxkart-data": "train",
        "torcs-data": "train",
        "torus-trooper-data": "train",
        "trackballs-data": "train",
        "tumiki-fighters-data": "train",
        "tuxfootball": "train",
        "unknown-horizons": "train",
        "warmux-data": "train",
        "widelands-data": "train",
        "xmoto-data": "train",
    }
)
"""Artist -> split; an artist goes by the name of the package that the music comes in."""

SHORT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "muldjord": "fretsonfire-songs-muldjord",
        "zaz": "zaz-data",
        "singularity": "singularity-music",
        "colobot": "colobot-common-sounds",
        "hyperrogue": "hyperrogue-music",
        "nexuiz": "nexuiz-music",
        "openarena": "openarena-088-data",
        "planetblupi": "planetblupi-music-ogg",
        "ufoai": "ufoai-music",
        "warzone": "warzone2100-music",
        "warzone2100": "warzone2100-music",
        "asc": "asc-music",
        "wesnoth": "wesnoth-1.16-music",
    }
)
"""Other names that truths give to the artists."""

OTHER_ARTISTS, SOME_SAME_ARTISTS, ARTISTS_UNKNOWN = (
    "of other artists",
    "some of them of the same artists",
    "whose artists are not all known",
)
"""What cards say of the artists that are chosen on; see `told_apart`."""

_JAM_NUMBER = re.compile(r"_s\d+_\d+$")
"""What simulation appends to the name of a track: seed and number."""


def split_of(artist: str) -> Split | None:
    """Return the split that an artist stands in, None for an artist that is not of the project's music.

    Examples
    --------
    >>> split_of("zaz-data"), split_of("muldjord"), split_of("our-band")
    ('test', 'test', None)
    """
    return SPLIT_OF_ARTIST.get(_one_name(artist))


def artist_of(path: str | os.PathLike[str]) -> str:
    """Return the artist of a track: the folder that bears an artist's name, and else the folder that it lies in.

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
    """Return the artist that the truth of a sample names, empty text where it has none or names nobody.

    Raises
    ------
    UnreadableError, FormatError, VersionError
        If the truth is there, but cannot be read: then nobody knows on which side the sample may stand.
    """
    truth = find_truth(data_folder, sample)
    return "" if truth is None else truth.artist


@dataclass(frozen=True)
class Sides:
    """Samples to learn from, and samples to choose on."""

    train: tuple[str, ...]
    """Names, in order; never empty where there is a sample."""
    valid: tuple[str, ...]
    """Names, in order; empty where all samples are of one artist."""


def split_by_artist(artists: Mapping[str, str], share: float) -> Sides:
    """Return some artists' samples kept apart to choose on; which, depends on the artists' names alone.

    Parameters
    ----------
    artists : mapping
        Artist of each sample, by the sample's name; empty text where nobody says. Then the name stands for the
        artist, without the number that simulation gives it, so that jams of one track stay together.
    share : float, in (0, 1)
        Share of the artists that is kept apart; at least one is where there are two, and one is always left.

    Examples
    --------
    >>> split_by_artist({"one": "us", "two": "us", "three": "them"}, 0.1)
    Sides(train=('three',), valid=('one', 'two'))
    """
    groups: dict[str, list[str]] = {}
    for sample in sorted(artists):
        groups.setdefault(_one_name(artists[sample]) or _JAM_NUMBER.sub("", sample), []).append(sample)
    names = sorted(groups, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    chosen = set(names[: min(max(1, round(share * len(names))), len(names) - 1)])
    return Sides(
        train=tuple(sorted(sample for name in names if name not in chosen for sample in groups[name])),
        valid=tuple(sorted(sample for name in chosen for sample in groups[name])),
    )


def told_apart(train: Iterable[str], valid: Iterable[str]) -> str:
    """Return what is known of the artists that are chosen on beside those that are learned from, for a card.

    Parameters
    ----------
    train, valid : iterable of str
        Artists on both sides, empty text where nobody says.

    Examples
    --------
    >>> told_apart(["us"], ["them"]), told_apart(["us", ""], ["them"])
    ('of other artists', 'whose artists are not all known')
    """
    ours, theirs = ({_one_name(artist) for artist in side} for side in (train, valid))
    if (ours & theirs) - {""}:
        return SOME_SAME_ARTISTS
    return ARTISTS_UNKNOWN if "" in ours | theirs else OTHER_ARTISTS


def _one_name(artist: str) -> str:
    """Return the one name that all names of an artist stand for."""
    name = artist.strip().lower()
    return SHORT_NAMES.get(name, name)


def check_splits(artists: Mapping[str, Iterable[str]]) -> None:
    """Refuse splits that share an artist.

    Parameters
    ----------
    artists : mapping
        Name of each split -> the artists in it.

    Raises
    ------
    SplitError
        If an artist stands in two of them, or an artist of the project's music in a split that is not its own.
    """
    sides: dict[str, str] = {}
    for split, names in artists.items():
        for artist in names:
            one = _one_name(artist)
            own = SPLIT_OF_ARTIST.get(one)
            if own is not None and split in SPLITS and own != split:
                raise SplitError(f"{artist} stands in {split}, but belongs to {own}; splits go by artist")
            if sides.setdefault(one, split) != split:
                raise SplitError(f"{artist} stands in {sides[one]} and in {split}; an artist belongs to one split")


def refuse_held_out(tracks: Sequence[str | os.PathLike[str]], *, what: str = "training") -> None:
    """Refuse tracks of the test artists where something is learned.

    Parameters
    ----------
    tracks : sequence of paths
        What is to be learned from.
    what : str
        What is to be done with them, for the message.

    Raises
    ------
    SplitError
        If one is of a test artist; the message names the first.
    """
    for track in tracks:
        refuse_artist(artist_of(track), what=what, path=track)


def refuse_shared_folders(train: Iterable[Path], valid: Iterable[Path]) -> None:
    """Raise a UsageError if a folder, which stands for an artist, holds tracks of both sides."""
    both = {path.resolve().parent for path in train} & {path.resolve().parent for path in valid}
    if both:
        raise UsageError(f"{min(both)} is on the training and on the validation side; split by artist (folder)")


def refuse_held_out_pairs(data_folder: str | os.PathLike[str], *, what: str = "training") -> None:
    """Refuse a data folder in which a truth names a test artist; see `refuse_held_out`.

    Truths that cannot be read are passed over: whoever learns from them says what is wrong.
    """
    for path in sorted(Path(data_folder).glob("truth/*.json")):
        try:
            artist = read_truth(path).artist
        except EditorbotError:
            continue
        refuse_artist(artist, what=what, path=path)


def refuse_artist(artist: str, *, what: str = "training", path: str | os.PathLike[str] | None = None) -> None:
    """Refuse a test artist where something is learned; see `refuse_held_out`."""
    if split_of(artist) == "test":
        raise SplitError(f"{artist} is a test artist, kept out of all {what}; leave it out", path=path)
