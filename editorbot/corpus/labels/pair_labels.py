"""The labels of one pair: found, written, and passed over the next time.

``pointer_sequences/{sample}_edit.json`` is the human's edit as an edit list, ``_labels.json`` how much of it was
understood; ``cache/labels/{sample}.npy`` says of each raw beat whether it was kept.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int8, Int64

from editorbot import __version__
from editorbot.analysis import BeatTracker
from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache
from editorbot.atomic import write_whole
from editorbot.corpus.alignment import Alignment
from editorbot.corpus.cache_files import CacheFolder, write_array
from editorbot.corpus.labels.closeness import Closeness, closeness
from editorbot.corpus.labels.human_edit import HumanEdit, human_edit
from editorbot.corpus.labels.known import known_edit, known_truth
from editorbot.corpus.labels.sounds import PairSounds
from editorbot.corpus.labels.stored import read_alignment
from editorbot.corpus.pairs import POINTER_FOLDER, Pair, align_pair, pointer_paths
from editorbot.corpus.truth import Truth
from editorbot.editlist.edit_list import EditList
from editorbot.editlist.json_format import read_edit_list, write_edit_list
from editorbot.editlist.operations import played_ranges
from editorbot.errors import EditorbotError, OutputError
from editorbot.recording import Recording, open_recording

LABELS_VERSION = 1
"""Version of the ``_labels.json`` format."""

_TOUCHED = 0.5
"""Part of a beat that must be played for it to be kept."""


@dataclass(frozen=True)
class LabelJob:
    """One pair to label."""

    pair: Pair
    """The pair."""
    data_dir: Path
    """Folder of the pairs."""
    cache: CacheFolder
    """The learn line's cache."""
    force: bool = False
    """Label again what is labelled already."""
    picture: bool = True
    """Draw the alignment where it has to be found first."""
    measure: bool = False
    """Measure simulated pairs too, whose edit is known."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds the beats."""

    def analysis_of(self, raw: Recording) -> Analysis:
        """Analyze the raw recording, or find its analysis in the cache."""
        return analyze(raw, beat_tracker=self.beat_tracker, cache=AnalysisCache(self.cache.root / "analysis"))


@dataclass(frozen=True)
class LabelPaths:
    """The files that the labels of a pair are written to."""

    edit: Path
    """The edit list."""
    report: Path
    """How much was understood, of which files."""
    kept: Path
    """int8 (raw beats,): 1 keep, 0 cut."""


@dataclass(frozen=True)
class PairLabels:
    """What a human did with one recording."""

    sample: str
    """Name of the pair."""
    edit_list: EditList
    """The edit."""
    level_db: float
    """Gain over most of the edit [dB]; no action."""
    kept: Int8[np.ndarray, " beats"]
    """1 where a raw beat is played, else 0, shape=(beats,)."""
    closeness: Closeness | None
    """How close the edit list, rendered again, is to the edit; None where it was known and not measured."""
    matched_share: float
    """Share of the edit that the clips hold, in [0, 1]."""
    analysis: Analysis
    """Of the raw recording."""
    artist: str = ""
    """Who made the music, where the pair's truth names somebody."""


def label_paths(data_dir: Path, cache: CacheFolder, sample: str) -> LabelPaths:
    """Return where the labels of a sample go."""
    folder = data_dir / POINTER_FOLDER
    return LabelPaths(folder / f"{sample}_edit.json", folder / f"{sample}_labels.json", cache.labels(sample))


def label_pair(job: LabelJob) -> PairLabels:
    """Return the labels of a pair: known where it was simulated, read where they are there already, else measured.

    Raises
    ------
    EditorbotError
        Whatever opening, analyzing and aligning say, or OutputError if the results cannot be written.
    """
    truth = known_truth(job.data_dir, job.pair.sample)
    labels = _measured(job) if truth is None or job.measure else _known(job, truth)
    return labels if truth is None else replace(labels, artist=truth.artist)


def _known(job: LabelJob, truth: Truth) -> PairLabels:
    """Return the labels of a simulated pair."""
    paths = label_paths(job.data_dir, job.cache, job.pair.sample)
    with open_recording(job.pair.raw) as raw:
        analysis = job.analysis_of(raw)
        edit_list = known_edit(truth, raw.source)
    kept = kept_beats(edit_list, beat_samples(analysis))
    try:
        paths.edit.parent.mkdir(parents=True, exist_ok=True)
        # A report of what was measured before would say that this edit was.
        paths.report.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path=paths.edit.parent) from error
    write_edit_list(paths.edit, edit_list)
    write_array(paths.kept, kept)
    return PairLabels(job.pair.sample, edit_list, 0.0, kept, None, 1.0, analysis)


def _measured(job: LabelJob) -> PairLabels:
    """Return the labels of a pair, aligned first where that was not done."""
    paths = label_paths(job.data_dir, job.cache, job.pair.sample)
    with open_recording(job.pair.raw) as raw, open_recording(job.pair.edit) as edit:
        analysis = job.analysis_of(raw)
        files = _key(raw.digest, edit.digest, analysis)
        stored = None if job.force else _read(paths, files, job.pair.sample, analysis)
        if stored is not None:
            return stored
        alignment = _alignment(job, raw.digest, edit.digest)
        sounds = PairSounds(raw, edit)
        human = human_edit(sounds, alignment, analysis.beats_s)
        close = closeness(sounds, human)
    kept = kept_beats(human.edit_list, beat_samples(analysis))
    labels = PairLabels(job.pair.sample, human.edit_list, human.level_db, kept, close, human.explained_share, analysis)
    _write(paths, labels, human, close, files)
    return labels


def stored_edit(data_dir: Path, cache: CacheFolder, sample: str, raw_digest: str, edit_digest: str) -> EditList | None:
    """Return the human's edit as `label_pair` wrote it; None where there is none, or it is of other files."""
    paths = label_paths(data_dir, cache, sample)
    try:
        edit_list = read_edit_list(paths.edit)
        measured = json.loads(paths.report.read_text(encoding="utf-8")) if paths.report.exists() else None
        fits = measured["edit_digest"] == edit_digest if measured else known_truth(data_dir, sample) is not None
    except (OSError, ValueError, KeyError, TypeError, EditorbotError):
        return None
    return edit_list if fits and edit_list.source.digest == raw_digest else None


def beat_samples(analysis: Analysis) -> Int64[np.ndarray, " beats"]:
    """Return the beats in samples of the source, shape=(beats,)."""
    return np.rint(analysis.beats_s * analysis.source.sample_rate).astype(np.int64)


def kept_beats(edit_list: EditList, beats: Int64[np.ndarray, " beats"]) -> Int8[np.ndarray, " beats"]:
    """Return 1 for each beat of which at least half is played, 0 for the others, shape=(beats,)."""
    ends = np.append(beats[1:], edit_list.source.samples)
    played = np.zeros(len(beats))
    for start, end in played_ranges(edit_list):
        played += np.maximum(np.minimum(ends, end) - np.maximum(beats, start), 0)
    return (played >= _TOUCHED * np.maximum(ends - beats, 1)).astype(np.int8)


def _alignment(job: LabelJob, raw_digest: str, edit_digest: str) -> Alignment:
    folder = job.data_dir / POINTER_FOLDER
    paths = pointer_paths(folder, job.pair.sample)
    stored = read_alignment(paths, raw_digest, edit_digest)
    if stored is not None:
        return stored
    alignment = align_pair(job.pair, folder, picture=job.picture)
    # As it was written, so that labels are the same whoever aligned, and when.
    return read_alignment(paths, raw_digest, edit_digest) or alignment


def _key(raw_digest: str, edit_digest: str, analysis: Analysis) -> dict[str, Any]:
    """Return what labels depend on; where it is equal, they need not be found again."""
    beats = hashlib.sha256(np.ascontiguousarray(analysis.beats_s).tobytes()).hexdigest()
    return {
        "format": "editorbot.labels",
        "version": LABELS_VERSION,
        "made_by": __version__,
        "raw_digest": raw_digest,
        "edit_digest": edit_digest,
        "beats_digest": f"sha256:{beats}",
    }


def _write(paths: LabelPaths, labels: PairLabels, human: HumanEdit, close: Closeness, files: dict[str, Any]) -> None:
    write_edit_list(paths.edit, labels.edit_list)
    write_array(paths.kept, labels.kept)
    report = files | {
        "level_db": human.level_db,
        "matched_share": human.explained_share,
        "positions": list(human.positions),
        "closeness": close.as_dict(),
    }
    # Written last: where it is there, the rest is whole.
    write_whole(paths.report, (json.dumps(report, indent=1) + "\n").encode())


def _read(paths: LabelPaths, files: dict[str, Any], sample: str, analysis: Analysis) -> PairLabels | None:
    """Return the labels that are there already, None where they are not, or are of something else."""
    try:
        report = json.loads(paths.report.read_text(encoding="utf-8"))
        if any(report[key] != value for key, value in files.items()):
            return None
        edit_list = read_edit_list(paths.edit)
        close = Closeness(**report["closeness"])
        level_db, share = float(report["level_db"]), float(report["matched_share"])
    except (OSError, ValueError, KeyError, TypeError, EditorbotError):
        return None
    kept = kept_beats(edit_list, beat_samples(analysis))
    if not paths.kept.exists():
        write_array(paths.kept, kept)
    return PairLabels(sample, edit_list, level_db, kept, close, share, analysis)
