"""Pairs of raw recording and edit in a data folder, and where the alignment of each is kept.

Conventions
-----------
``input/{sample}_raw.*`` and ``desired_output/{sample}_edit.*`` are a pair; its alignment is
``pointer_sequences/{sample}_pointers.npy``, ``_ops.npy``, ``_info.json`` and ``_alignment.png``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from editorbot.errors import EditorbotError, EmptyError, MismatchError, NotFoundError
from editorbot.recording import names_in

RAW_FOLDER, EDIT_FOLDER, POINTER_FOLDER = "input", "desired_output", "pointer_sequences"
"""Folders of a data folder; truths are in `corpus.truth.TRUTH_FOLDER`."""
RAW_END, EDIT_END = "_raw", "_edit"
"""Ends of the names of the two files of a pair, before the file ending."""


@dataclass(frozen=True)
class Pair:
    """A raw recording and its edit."""

    sample: str
    """Their common name."""
    raw: Path
    """The raw recording."""
    edit: Path
    """The edit."""


@dataclass(frozen=True)
class PairList:
    """What a data folder holds."""

    pairs: tuple[Pair, ...]
    """The pairs, by name."""
    problems: tuple[EditorbotError, ...]
    """One for each file that belongs to no pair."""


@dataclass(frozen=True)
class PointerPaths:
    """The files that an alignment is written to."""

    pointers: Path
    """int64 (edit frames,): raw frame, -1 = not from the raw recording."""
    ops: Path
    """int8 (edit frames,): see `frame_ops.FrameOp`."""
    info: Path
    """Segments, confidence, gain curve, speed, versions."""
    picture: Path
    """The picture."""

    @property
    def all(self) -> tuple[Path, ...]:
        """All four."""
        return (self.pointers, self.ops, self.info, self.picture)


def pointer_paths(folder: Path, sample: str) -> PointerPaths:
    """Name the files of the alignment of a sample."""
    names = ("_pointers.npy", "_ops.npy", "_info.json", "_alignment.png")
    return PointerPaths(*(folder / (sample + name) for name in names))


def find_pairs(data_folder: Path, samples: Sequence[str] = ()) -> PairList:
    """Find the pairs of a data folder, and what is wrong with the rest; or only those pairs that are named.

    Raises
    ------
    NotFoundError
        If the folder, or one of its two halves, is not there, or a name is that of no pair.
    EmptyError
        If it holds no audio file that could be half of a pair.
    """
    problems: list[EditorbotError] = []
    raws = _by_sample(data_folder / RAW_FOLDER, RAW_END, problems)
    edits = _by_sample(data_folder / EDIT_FOLDER, EDIT_END, problems)
    if not raws and not edits and not problems:
        raise EmptyError(
            f"no pairs are in it; put {RAW_FOLDER}/NAME{RAW_END}.wav and {EDIT_FOLDER}/NAME{EDIT_END}.wav there",
            path=data_folder,
        )
    for sample in sorted(raws.keys() - edits.keys()):
        missing = f"{EDIT_FOLDER}/{sample}{EDIT_END}.wav"
        problems.append(MismatchError(f"it has no edit; {missing} is missing", path=raws[sample]))
    for sample in sorted(edits.keys() - raws.keys()):
        missing = f"{RAW_FOLDER}/{sample}{RAW_END}.wav"
        problems.append(MismatchError(f"it has no raw recording; {missing} is missing", path=edits[sample]))
    pairs = {sample: Pair(sample, raws[sample], edits[sample]) for sample in sorted(raws.keys() & edits.keys())}
    for sample in samples:
        if sample not in pairs:
            raise NotFoundError(f"there is no pair named {sample!r} in it", path=data_folder)
    if samples:
        return PairList(tuple(pairs[sample] for sample in dict.fromkeys(samples)), ())
    return PairList(tuple(pairs.values()), tuple(problems))


def _by_sample(folder: Path, end: str, problems: list[EditorbotError]) -> dict[str, Path]:
    """Find the files of one half by sample; hidden files do not count."""
    if not folder.is_dir():
        raise NotFoundError("there is no such folder; the files of the pairs belong there", path=folder)
    result: dict[str, Path] = {}
    for path in (folder / name for name in names_in(folder)):
        if path.name.startswith(".") or path.is_dir():
            continue
        sample = path.stem[: -len(end)] if path.stem.endswith(end) else ""
        if not sample:
            problems.append(MismatchError(f"its name does not end in {end}; call it NAME{end}{path.suffix}", path=path))
        elif sample in result:
            problems.append(MismatchError(f"{result[sample].name} is there too; keep one of them", path=path))
        else:
            result[sample] = path
    return result


def sample_of(edit: Path) -> str:
    """Name a sample after its edit: the stem without ``_edit``.

    Examples
    --------
    >>> sample_of(Path("takes/blues_edit.wav"))
    'blues'
    """
    stem = os.path.splitext(edit.name)[0]
    return stem[: -len(EDIT_END)] if stem.endswith(EDIT_END) and stem != EDIT_END else stem
