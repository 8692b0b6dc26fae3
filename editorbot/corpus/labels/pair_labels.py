"""The labels of a pair: found or known, written, and read the next time.

``pointer_sequences/{sample}_edit.json`` is the human's edit as an edit list, ``_labels.json`` how much of it was
understood; ``cache/labels/{sample}.npy`` says of each raw beat whether it was kept. The edit of a simulated pair is
known from its truth: its tempo drifts and it was recorded in a room, so it is no copy that could be measured well.
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
from editorbot.corpus.alignment.files import align_pair, read_alignment
from editorbot.corpus.cache_files import CacheFolder, write_array
from editorbot.corpus.labels.fidelity import Fidelity, measure_fidelity
from editorbot.corpus.labels.human_edit import MADE_BY, infer_edit
from editorbot.corpus.labels.pair_sounds import PairSounds
from editorbot.corpus.pairs import POINTER_FOLDER, Pair, pointer_paths
from editorbot.corpus.truth import Truth, find_truth
from editorbot.editlist.edit_list import Clip, EditList, MadeBy, Source
from editorbot.editlist.json_format import read_edit_list, write_edit_list
from editorbot.editlist.operations import edit_list_of, played_ranges
from editorbot.errors import EditorbotError, MismatchError, OutputError
from editorbot.recording import Recording, open_recording
from editorbot.timebase import s_to_samples

LABELS_VERSION = 1
"""Version of the ``_labels.json`` format."""

_LEAST_PLAYED = 0.5
"""Share of a beat that must be played for it to be kept."""
_LONGEST_GAP_S, _LARGEST_DIFFERENCE_S = 0.05, 0.5
"""Longest gap between takes that are one clip; how far a recording's length may differ from its truth's [seconds]."""


@dataclass(frozen=True)
class LabelJob:
    """One pair to label."""

    pair: Pair
    """The pair."""
    data_dir: Path
    """Folder of the pairs."""
    cache: CacheFolder
    """Cache folder for analyses and labels."""
    force: bool = False
    """Label again what is labelled already."""
    picture: bool = True
    """Draw a picture of a new alignment."""
    measure: bool = False
    """Measure simulated pairs too, whose edit is known."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds the beats."""

    def analysis_of(self, raw: Recording) -> Analysis:
        """Analyze the raw recording, or find its analysis in the cache."""
        return analyze(raw, beat_tracker=self.beat_tracker, cache=AnalysisCache(self.cache.root / "analysis"))


@dataclass(frozen=True)
class LabelPaths:
    """The files of the labels of a pair."""

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
    """1 for each raw beat that is played, else 0, shape=(beats,)."""
    fidelity: Fidelity | None
    """How closely the rendered edit list reproduces the edit; None for an edit that was known and not measured."""
    matched_share: float
    """Share of the edit that the clips hold, in [0, 1]."""
    analysis: Analysis
    """Of the raw recording."""
    artist: str = ""
    """Who made the music, if the pair's truth says."""


def label_pair(job: LabelJob) -> PairLabels:
    """Label a pair: from its truth if it was simulated, from files if they are there already, else by measuring.

    Raises
    ------
    EditorbotError
        Whatever opening, analyzing and aligning raise, or OutputError if the results cannot be written.
    """
    truth = find_truth(job.data_dir, job.pair.sample)
    labels = _measured(job) if truth is None or job.measure else _known(job, truth)
    return labels if truth is None else replace(labels, artist=truth.artist)


def label_paths(data_dir: Path, cache: CacheFolder, sample: str) -> LabelPaths:
    """Name the files of the labels of a sample."""
    folder = data_dir / POINTER_FOLDER
    return LabelPaths(folder / f"{sample}_edit.json", folder / f"{sample}_labels.json", cache.labels(sample))


def _known(job: LabelJob, truth: Truth) -> PairLabels:
    """Return the labels of a simulated pair."""
    paths = label_paths(job.data_dir, job.cache, job.pair.sample)
    with open_recording(job.pair.raw) as raw:
        analysis = job.analysis_of(raw)
        edit_list = edit_from_truth(truth, raw.source)
    kept = kept_beats(edit_list, beat_samples(analysis))
    try:
        paths.edit.parent.mkdir(parents=True, exist_ok=True)
        # The report of an earlier measurement would be about another edit list.
        paths.report.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path=paths.edit.parent) from error
    write_edit_list(paths.edit, edit_list)
    write_array(paths.kept, kept)
    return PairLabels(job.pair.sample, edit_list, 0.0, kept, None, 1.0, analysis)


def edit_from_truth(truth: Truth, source: Source) -> EditList:
    """Return the takes that the finished track was made of, in the order of the track.

    Raises
    ------
    MismatchError
        If the truth is about a recording of another length, or nothing of it is kept.
    """
    rate, duration_s = source.sample_rate, source.samples / source.sample_rate
    if abs(truth.duration_s - duration_s) > _LARGEST_DIFFERENCE_S:
        message = f"its truth is about {truth.duration_s:.1f} s, but it lasts {duration_s:.1f} s"
        raise MismatchError(f"{message}; simulate the pair anew", path=source.path)
    takes = sorted((part for part in truth.segments if part.kind == "music"), key=lambda part: part.source_s or 0.0)
    clips: list[Clip] = []
    for part in takes:
        start, end = (min(s_to_samples(at_s, rate), source.samples) for at_s in (part.start_s, part.end_s))
        if end <= start:
            continue
        gap = start - clips[-1].end if clips else -1
        if 0 <= gap < _LONGEST_GAP_S * rate:
            clips[-1] = Clip(clips[-1].start, end)
        else:
            clips.append(Clip(start, end))
    if not clips:
        raise MismatchError("its truth says that nothing of it is kept", path=source.path)
    return edit_list_of(source, clips, made_by=MadeBy(MADE_BY, version=__version__))


def _measured(job: LabelJob) -> PairLabels:
    """Measure the labels of a pair, and align it first if necessary."""
    paths = label_paths(job.data_dir, job.cache, job.pair.sample)
    with open_recording(job.pair.raw) as raw, open_recording(job.pair.edit) as edit:
        analysis = job.analysis_of(raw)
        inputs = _inputs_of(raw.digest, edit.digest, analysis)
        stored = None if job.force else _read(paths, inputs, job.pair.sample, analysis)
        if stored is not None:
            return stored
        alignment = _alignment(job, raw.digest, edit.digest)
        sounds = PairSounds(raw, edit)
        human = infer_edit(sounds, alignment, analysis.beats_s)
        fidelity = measure_fidelity(sounds, human)
    kept = kept_beats(human.edit_list, beat_samples(analysis))
    write_edit_list(paths.edit, human.edit_list)
    write_array(paths.kept, kept)
    report = inputs | {
        "level_db": human.level_db,
        "matched_share": human.matched_share,
        "positions": list(human.positions),
        "closeness": fidelity.as_dict(),
    }
    # Written last: labels that have it are complete.
    write_whole(paths.report, (json.dumps(report, indent=1) + "\n").encode())
    share = human.matched_share
    return PairLabels(job.pair.sample, human.edit_list, human.level_db, kept, fidelity, share, analysis)


def stored_edit(data_dir: Path, cache: CacheFolder, sample: str, raw_digest: str, edit_digest: str) -> EditList | None:
    """Read the human's edit that `label_pair` wrote; None if there is none, or it is of other files."""
    paths = label_paths(data_dir, cache, sample)
    try:
        edit_list = read_edit_list(paths.edit)
        measured = json.loads(paths.report.read_text(encoding="utf-8")) if paths.report.exists() else None
        fits = measured["edit_digest"] == edit_digest if measured else find_truth(data_dir, sample) is not None
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
    return (played >= _LEAST_PLAYED * np.maximum(ends - beats, 1)).astype(np.int8)


def _alignment(job: LabelJob, raw_digest: str, edit_digest: str) -> Alignment:
    folder = job.data_dir / POINTER_FOLDER
    paths = pointer_paths(folder, job.pair.sample)
    stored = read_alignment(paths, raw_digest, edit_digest)
    if stored is not None:
        return stored
    alignment = align_pair(job.pair, folder, picture=job.picture)
    # As it was written, so that labels do not depend on who aligned, and when.
    return read_alignment(paths, raw_digest, edit_digest) or alignment


def _inputs_of(raw_digest: str, edit_digest: str, analysis: Analysis) -> dict[str, Any]:
    """Return what labels depend on; while it is equal, they need not be found again."""
    beats = hashlib.sha256(np.ascontiguousarray(analysis.beats_s).tobytes()).hexdigest()
    return {
        "format": "editorbot.labels",
        "version": LABELS_VERSION,
        "made_by": __version__,
        "raw_digest": raw_digest,
        "edit_digest": edit_digest,
        "beats_digest": f"sha256:{beats}",
    }


def _read(paths: LabelPaths, inputs: dict[str, Any], sample: str, analysis: Analysis) -> PairLabels | None:
    """Read labels that are there already; None if they are not, or are of other inputs."""
    try:
        report = json.loads(paths.report.read_text(encoding="utf-8"))
        if any(report[key] != value for key, value in inputs.items()):
            return None
        edit_list = read_edit_list(paths.edit)
        fidelity = Fidelity(**report["closeness"])
        level_db, share = float(report["level_db"]), float(report["matched_share"])
    except (OSError, ValueError, KeyError, TypeError, EditorbotError):
        return None
    kept = kept_beats(edit_list, beat_samples(analysis))
    if not paths.kept.exists():
        write_array(paths.kept, kept)
    return PairLabels(sample, edit_list, level_db, kept, fidelity, share, analysis)
