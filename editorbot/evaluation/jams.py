"""Finds what editors can be scored on: jams with a truth, and a user's own pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from editorbot.corpus.pairs import POINTER_FOLDER, RAW_END, RAW_FOLDER, find_pairs, pointer_paths
from editorbot.corpus.splits import Split, split_of
from editorbot.corpus.truth import TRUTH_FOLDER, Truth, read_truth
from editorbot.errors import EditorbotError, EmptyError, MismatchError, NotFoundError, SplitError
from editorbot.evaluation.aligned_truth import read_aligned_truth
from editorbot.recording import names_in


@dataclass(frozen=True)
class Jam:
    """One raw recording with its truth."""

    sample: str
    """Its name."""
    path: Path
    """The raw recording."""
    truth: Truth
    """What it contains."""
    known_by: Literal["truth", "alignment"] = "truth"
    """Whether the truth was made with the jam, or from the alignment of a human's edit."""

    @property
    def split(self) -> Split | None:
        """The split of its artist, None for a user's own music."""
        return split_of(self.truth.artist)

    @property
    def track(self) -> str:
        """Track by which intervals group it: jams of one track are not independent."""
        return f"{self.truth.artist}/{self.truth.track or self.sample}"


@dataclass(frozen=True)
class JamList:
    """The jams of a folder."""

    jams: tuple[Jam, ...]
    """The jams, by name."""
    problems: tuple[EditorbotError, ...] = ()
    """One for each that cannot be scored."""


def find_jams(folder: Path) -> JamList:
    """Find the jams of a folder.

    Parameters
    ----------
    folder : path
        A data folder: ``input/{sample}_raw.*`` with ``truth/{sample}.json``; or both files side by side. Pairs without
        a truth count if they are aligned.

    Raises
    ------
    NotFoundError
        If there is no such folder.
    EmptyError
        If nothing in it can be scored.
    """
    if not folder.is_dir():
        raise NotFoundError("there is no such folder", path=folder)
    raw_folder = folder / RAW_FOLDER if (folder / RAW_FOLDER).is_dir() else folder
    truth_folder = folder / TRUTH_FOLDER if (folder / TRUTH_FOLDER).is_dir() else folder
    jams: list[Jam] = []
    problems: list[EditorbotError] = []
    raws = _raws(raw_folder)
    for path in sorted(truth_folder.glob("*.json")):
        try:
            if path.stem not in raws:
                raise MismatchError(f"its raw recording {path.stem}{RAW_END}.* is missing", path=path)
            jams.append(Jam(path.stem, raws[path.stem], _with_artist(read_truth(path))))
        except EditorbotError as error:
            problems.append(error)
    known = {jam.sample for jam in jams} | {Path(one.path or "").stem for one in problems}
    if raw_folder != folder and (folder / "desired_output").is_dir():
        _add_pairs(folder, known, jams, problems)
    if not jams and not problems:
        raise EmptyError(
            "nothing in it can be scored; make jams with editorbot pairs simulate, or put pairs there and align them",
            path=folder,
        )
    return JamList(tuple(jams), tuple(problems))


def _raws(folder: Path) -> dict[str, Path]:
    """Find the raw recordings of a folder by sample."""
    paths = (folder / name for name in names_in(folder))
    found = [path for path in paths if path.is_file() and path.stem.endswith(RAW_END)]
    return {path.stem[: -len(RAW_END)]: path for path in found if not path.name.startswith(".")}


def _with_artist(truth: Truth) -> Truth:
    """Fill in a missing artist from a track named ``ARTIST__TRACK``."""
    artist, separator, track = truth.track.partition("__")
    return replace(truth, artist=artist, track=track) if separator and not truth.artist else truth


def _add_pairs(folder: Path, known: set[str], jams: list[Jam], problems: list[EditorbotError]) -> None:
    """Add the pairs without a truth of their own."""
    for pair in find_pairs(folder).pairs:
        if pair.sample in known:
            continue
        try:
            truth = read_aligned_truth(pointer_paths(folder / POINTER_FOLDER, pair.sample).info)
            jams.append(Jam(pair.sample, pair.raw, truth, "alignment"))
        except EditorbotError as error:
            problems.append(error)


def chosen(
    jams: Sequence[Jam], *, splits: Sequence[str] = (), tracks: Sequence[str] = (), allow_train: bool = False
) -> tuple[Jam, ...]:
    """Select the jams to score.

    Parameters
    ----------
    jams : sequence of Jam
        The jams of a folder.
    splits : sequence of str
        Wanted splits: train, validation, test, or own for a user's own music; all by default.
    tracks : sequence of str
        Patterns such as ``zaz*``; a jam's name, track or artist must match one; all by default.
    allow_train : bool
        Allow jams of artists that were trained on.

    Raises
    ------
    SplitError
        If one is of an artist that was trained on.
    EmptyError
        If none is left.
    """
    wanted = [jam for jam in jams if not splits or (jam.split or "own") in splits]
    wanted = [jam for jam in wanted if not tracks or any(_matches(jam, pattern) for pattern in tracks)]
    if not wanted:
        raise EmptyError(f"no jam is left of {len(jams)}; ask for other splits or tracks")
    for jam in wanted:
        if jam.split == "train" and not allow_train:
            raise SplitError(
                f"its artist {jam.truth.artist} was trained on, so the score would flatter; leave it out "
                "(--split test), or give --allow-train",
                path=jam.path,
            )
    return tuple(wanted)


def _matches(jam: Jam, pattern: str) -> bool:
    names = (jam.sample, jam.truth.track, jam.truth.artist)
    return any(fnmatch(name.lower(), pattern.lower()) for name in names)
