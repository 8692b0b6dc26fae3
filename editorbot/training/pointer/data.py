"""Pairs as the pointer network trains on them, made ready once and read when they are asked for.

The mel of a raw recording is that of ``pairs precache`` (made here where it is missing); what the analysis tells of
each step lies beside it. Where a pair has a truth, its pointers follow from that, exact; otherwise they are those of
its alignment.

Conventions
-----------
``pointer/{sample}.npz`` of the cache holds the steps' inputs (`scoring.inputs`), their version, what the learned score
says of them and its digest, and the recording's digest. Classes are those of the learned score, a step each, -1 where
nobody knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int8, Int64

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache
from editorbot.analysis.mel import MelReader
from editorbot.corpus.alignment.frame_ops import FrameOp
from editorbot.corpus.batch import run_batch
from editorbot.corpus.cache_files import (
    CacheFolder,
    content_digest,
    read_array,
    read_entry,
    text_array,
    text_of,
    write_entry,
)
from editorbot.corpus.pairs import Pair, find_pairs, pointer_paths
from editorbot.corpus.precache import MelEntry, read_mel, write_mel
from editorbot.corpus.splits import refuse_artist
from editorbot.corpus.stem_cache import read_stem_mels
from editorbot.corpus.truth import read_truth, truth_path
from editorbot.editors.scoring.inputs import INPUTS_VERSION, step_inputs
from editorbot.editors.scoring.learned import read_score
from editorbot.errors import EditorbotError, EmptyError, FormatError, MismatchError, NotFoundError
from editorbot.models.pointer_config import PointerConfig, PointerInputs, with_chances
from editorbot.models.scorer_config import CLASSES, StepInputs
from editorbot.recording import Recording, open_recording
from editorbot.timebase import ANALYSIS_RATE, STEP_FRAMES, frame_count, step_count
from editorbot.training.pointer.rows import truth_pointers
from editorbot.training.step_truth import classes_of

ALIGN_COMMAND = "python -m pointer_network.precache_samples"
"""Makes mels and pointer sequences."""

STEM_COMMANDS = (
    "python scripts/precache_stems.py --data_dir training_data --cache_dir cache",
    "python scripts/convert_stems_to_mel.py",
)
"""Make the stems' mels, in this order."""


@dataclass(frozen=True)
class PointerPair:
    """A pair as the pointer network hears it."""

    sample: str
    """Its name."""
    inputs: PointerInputs
    """The raw recording."""
    pointers: Int64[np.ndarray, " edit_frames"]
    """Raw frame of each frame of the edit, -1 = not from the raw recording."""
    ops: Int8[np.ndarray, " edit_frames"]
    """Edit operations."""
    beats_s: Float[np.ndarray, " beats"]
    """Beats of the raw recording [seconds]."""
    classes: Int8[np.ndarray, " steps"]
    """What each step of the raw recording is, an index into CLASSES, -1 where nobody knows."""


@dataclass(frozen=True)
class PointerFolders:
    """Where pairs and what was made of them lie."""

    data: Path
    """The data folder."""
    pointers: Path
    """Pointer sequences."""
    cache: CacheFolder
    """Mels and the rest."""
    analyses: AnalysisCache | None = None
    """Where analyses are kept; None keeps none."""


@dataclass(frozen=True)
class PrepareJob:
    """One pair to be made ready."""

    pair: Pair
    folders: PointerFolders
    config: PointerConfig


def prepare(job: PrepareJob) -> str:
    """Make what is missing of one pair, and see that the rest is there; return the sample's name.

    Raises
    ------
    EditorbotError
        If it cannot be read; has neither truth nor alignment; its pointers lie past the recording; stems miss.
    """
    sample, folders = job.pair.sample, job.folders
    with open_recording(job.pair.raw) as recording:
        kept = read_mel(folders.cache.raw(sample))
        analysis: Analysis | None = None
        if kept is None or kept.digest != recording.digest:
            analysis = analyze(recording, cache=folders.analyses)
            kept = _mel_of(recording, analysis)
            write_mel(folders.cache.raw(sample), kept)
        score = read_score().digest
        if job.config.step_inputs and _read_steps(folders.cache, sample, kept.digest, job.config, score=score) is None:
            analysis = analysis or analyze(recording, cache=folders.analyses)
            _write_steps(folders.cache, sample, analysis)
    if job.config.use_stems:
        _stems_of(folders.cache, sample)
    lesson_of(folders, sample, kept)
    return sample


def _mel_of(recording: Recording, analysis: Analysis) -> MelEntry:
    reader = MelReader(recording, analysis.mel_reference_db)
    return MelEntry(reader.read(0, reader.frames), analysis.beats_s, recording.digest)


def _steps_path(cache: CacheFolder, sample: str) -> Path:
    return cache.root / "pointer" / f"{sample}.npz"


def _write_steps(cache: CacheFolder, sample: str, analysis: Analysis) -> None:
    inputs, score = step_inputs(analysis.steps, analysis.activity), read_score()
    arrays: dict[str, np.ndarray] = {
        "version": np.array(INPUTS_VERSION),
        "values": inputs.values.astype(np.float16),
        "twins": inputs.nearest_repeats,
        "likeness": inputs.similarity.astype(np.float16),
        "chances": score.chances_of(inputs).astype(np.float16),
        "score": text_array(score.digest or ""),
        "digest": text_array(analysis.source.digest),
    }
    write_entry(_steps_path(cache, sample), arrays)


def _read_steps(
    cache: CacheFolder, sample: str, digest: str, config: PointerConfig, *, score: str | None = None
) -> StepInputs | None:
    """Return what was kept of the steps; None where there is nothing whole that fits, or another score than named."""
    arrays = read_entry(_steps_path(cache, sample))
    if arrays is None or int(arrays.get("version", -1)) != INPUTS_VERSION or text_of(arrays, "digest") != digest:
        return None
    values, similarity = arrays["values"].astype(np.float32), arrays["likeness"].astype(np.float32)
    steps = StepInputs(values, arrays["twins"].astype(np.int32), similarity)
    if not config.score_inputs:
        return steps
    if score is not None and text_of(arrays, "score") != score:
        return None
    return with_chances(steps, arrays["chances"].astype(np.float32))


def _stems_of(cache: CacheFolder, sample: str) -> np.ndarray:
    """Return the mels of the stems, shape=(4, 128, frames)."""
    stems = read_stem_mels(cache.stems_mel(sample))
    if stems is None:
        raise NotFoundError(
            f"use_stems is true, but the stems of {sample} are not there; run: {STEM_COMMANDS[0]}, "
            f"then: {STEM_COMMANDS[1]}",
            path=cache.stems_mel(sample),
        )
    return stems


@dataclass(frozen=True)
class Lesson:
    """What is to be learned from a pair."""

    pointers: Int64[np.ndarray, " edit_frames"]
    ops: Int8[np.ndarray, " edit_frames"]
    classes: Int8[np.ndarray, " steps"]


def lesson_of(folders: PointerFolders, sample: str, raw: MelEntry) -> Lesson:
    """Return what is to be learned from a pair: from its truth where it has one, else from its alignment.

    Raises
    ------
    NotFoundError, MismatchError
        If it has neither, or pointers lie past the recording.
    """
    frames = raw.mel.shape[1]
    place = truth_path(folders.data, sample)
    if place.is_file():
        truth = read_truth(place)
        refuse_artist(truth.artist, path=place)
        pointers = truth_pointers(truth, frame_count(round(truth.finished_s * ANALYSIS_RATE)), frames)
        return Lesson(pointers, pointer_ops(pointers), classes_of(truth, step_count(frames)))
    paths = pointer_paths(folders.pointers, sample)
    pointers_read, ops = read_array(paths.pointers), read_array(paths.ops)
    if pointers_read is None or ops is None or pointers_read.dtype != np.int64 or ops.shape != pointers_read.shape:
        raise NotFoundError(f"{sample} has no alignment; run: {ALIGN_COMMAND}", path=paths.pointers)
    if len(pointers_read) and not -1 <= pointers_read.min() <= pointers_read.max() < frames:
        raise MismatchError(
            f"a pointer is {pointers_read.max()}, but the raw recording has {frames} frames; run: {ALIGN_COMMAND}",
            path=paths.pointers,
        )
    return Lesson(pointers_read, ops.astype(np.int8), _classes_heard(pointers_read, frames))


def pointer_ops(pointers: Int64[np.ndarray, " edit_frames"]) -> Int8[np.ndarray, " edit_frames"]:
    """Return the operation of each frame of an edit of which only the pointers are known; fades are not."""
    ops = np.full(len(pointers), FrameOp.COPY, np.int8)
    jumps = np.flatnonzero(np.abs(np.diff(pointers) - 1) > 1) + 1
    ops[jumps] = FrameOp.SKIP
    first = np.unique(pointers, return_index=True)[1]
    again = np.ones(len(pointers), bool)
    again[first] = False
    # Where a take is played a little slower, one frame now and then stands twice; that is no loop.
    again[1:] &= pointers[1:] != pointers[:-1]
    ops[again] = FrameOp.LOOP
    ops[pointers < 0] = FrameOp.OTHER
    return ops


def _classes_heard(pointers: Int64[np.ndarray, " edit_frames"], frames: int) -> Int8[np.ndarray, " steps"]:
    """Return 'keep' for steps that the edit holds, -1 for all others: why they were cut, nobody said."""
    heard = np.zeros(step_count(frames) * STEP_FRAMES)
    heard[pointers[pointers >= 0]] = 1
    held = heard.reshape(-1, STEP_FRAMES).mean(1) > 0.5
    return np.where(held, CLASSES.index("keep"), -1).astype(np.int8)


class PointerDataset(Sequence[PointerPair]):
    """Pairs that are ready, each read when it is asked for.

    Parameters
    ----------
    folders : PointerFolders
        Where everything lies.
    samples : sequence of str
        Names of pairs that `prepare` has made ready.
    config : PointerConfig
        Says what of a recording is heard.
    """

    def __init__(self, folders: PointerFolders, samples: Sequence[str], config: PointerConfig) -> None:
        self.folders, self.samples, self.config = folders, tuple(samples), config

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> PointerPair:  # type: ignore[override]
        sample, cache = self.samples[index], self.folders.cache
        raw = read_mel(cache.raw(sample))
        steps = None
        if raw is not None and self.config.step_inputs:
            steps = _read_steps(cache, sample, raw.digest, self.config)
        if raw is None or (self.config.step_inputs and steps is None):
            raise FormatError("what was made of it is gone; start the training again", path=cache.raw(sample))
        mel = raw.mel
        if self.config.use_stems:
            stems = _stems_of(cache, sample)
            if stems.shape[2] != mel.shape[1]:
                raise MismatchError(
                    f"the stems have {stems.shape[2]} frames, the recording {mel.shape[1]}; make them again with: "
                    f"{STEM_COMMANDS[0]}, then: {STEM_COMMANDS[1]}",
                    path=cache.stems_mel(sample),
                )
            mel = np.concatenate([mel, *stems])
        lesson = lesson_of(self.folders, sample, raw)
        inputs = PointerInputs(np.ascontiguousarray(mel, np.float32), steps)
        return PointerPair(sample, inputs, lesson.pointers, lesson.ops, raw.beats_s, lesson.classes)

    @property
    def digest(self) -> str:
        """Digest of all that the pairs hold: names, what is heard of the recordings, truths or alignments."""
        total = hashlib.sha256()
        for sample in self.samples:
            total.update(f"{sample} {content_digest(self._heard(sample))}".encode())
            for path in self._lessons(sample):
                total.update(path.read_bytes())
        return total.hexdigest()[:16]

    def _heard(self, sample: str) -> list[Path]:
        """Return the files of what is heard of a pair's recording."""
        cache = self.folders.cache
        more = [_steps_path(cache, sample)] if self.config.step_inputs else []
        return [cache.raw(sample), *more, *([cache.stems_mel(sample)] if self.config.use_stems else [])]

    def _lessons(self, sample: str) -> list[Path]:
        """Return the files that tell what is to be learned of a pair; see `lesson_of`."""
        place = truth_path(self.folders.data, sample)
        paths = pointer_paths(self.folders.pointers, sample)
        return [place] if place.is_file() else [paths.pointers, paths.ops]

    def lengths(self, index: int) -> tuple[int, int]:
        """Return the frames of a pair's raw recording and of what its edit takes from it."""
        pair = self[index]
        return pair.inputs.frames, int((pair.pointers >= 0).sum())


def prepared(
    folders: PointerFolders,
    config: PointerConfig,
    *,
    workers: int = 1,
    on_problem: Callable[[EditorbotError], None] = lambda error: None,
) -> PointerDataset:
    """Return all pairs of a data folder, made ready; a pair that cannot be is told and left out.

    Raises
    ------
    EditorbotError
        If stems miss that are asked for, a test artist is among them, or not one pair can be used: the first reason.
    """
    jobs = [PrepareJob(pair, folders, config) for pair in find_pairs(folders.data).pairs]
    if config.use_stems:
        for job in jobs:
            _stems_of(folders.cache, job.pair.sample)
    ready: list[str] = []
    problems: list[EditorbotError] = []
    for done in run_batch(jobs, prepare, workers=workers):
        if done.result is not None:
            ready.append(done.result)
        elif done.error is not None:
            done.error.path = done.error.path or str(done.job.pair.raw)
            problems.append(done.error)
            on_problem(done.error)
    if not ready:
        raise problems[0] if problems else EmptyError("no pairs are in it", path=folders.data)
    return PointerDataset(folders, sorted(ready), config)
