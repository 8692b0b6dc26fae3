"""The pairs that the pointer network trains on, prepared once and read when they are indexed.

A pair's raw mel is that of ``pairs precache`` (made here if it is missing). With `step_inputs` the cache also holds
``pointer/{sample}.npz``: the step inputs and their version, what the learned score says of them and its digest, and the
recording's digest. The targets come from the pair's truth, which is exact, or else from its alignment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int8, Int64

from editorbot.analysis import BeatTracker
from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache
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
from editorbot.corpus.precache import MelEntry, make_mel, read_mel, write_mel
from editorbot.corpus.splits import refuse_artist
from editorbot.corpus.stem_cache import read_stem_mels
from editorbot.corpus.truth import read_truth, truth_path
from editorbot.editors.scoring.inputs import INPUTS_VERSION, step_inputs
from editorbot.editors.scoring.learned import read_score
from editorbot.errors import EditorbotError, EmptyError, FormatError, MismatchError, NotFoundError
from editorbot.models.pointer_config import PointerConfig, PointerInputs, with_chances
from editorbot.models.scorer_config import CLASSES, StepInputs
from editorbot.recording import open_recording
from editorbot.timebase import ANALYSIS_RATE, STEP_FRAMES, frame_count, step_count
from editorbot.training.pointer.rows import truth_pointers
from editorbot.training.step_truth import classes_of

ALIGN_COMMAND = "python -m pointer_network.precache_samples"
"""Makes mels and pointer sequences."""

STEM_COMMANDS = (
    "python scripts/precache_stems.py --data_dir training_data --cache_dir cache, then: "
    "python scripts/convert_stems_to_mel.py"
)
"""Make the stems' mels."""


@dataclass(frozen=True)
class PointerTargets:
    """What is to be predicted of a pair."""

    pointers: Int64[np.ndarray, " edit_frames"]
    """Raw frame of each frame of the edit, -1 = not from the raw recording."""
    ops: Int8[np.ndarray, " edit_frames"]
    """Edit operations."""
    classes: Int8[np.ndarray, " steps"]
    """Class of each step of the raw recording, an index into CLASSES; -1 if unknown."""


@dataclass(frozen=True)
class PointerPair:
    """A pair as the pointer network reads it."""

    sample: str
    """Its name."""
    inputs: PointerInputs
    """The raw recording."""
    targets: PointerTargets
    """What is to be predicted."""
    beats_s: Float[np.ndarray, " beats"]
    """Beats of the raw recording [seconds]."""


@dataclass(frozen=True)
class PointerFolders:
    """Where the pairs are, and what was computed of them."""

    data: Path
    """The data folder."""
    pointers: Path
    """Pointer sequences."""
    cache: CacheFolder
    """Mels and step inputs."""
    analyses: AnalysisCache | None = None
    """Where analyses are kept; None keeps none."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds the beats."""


def prepared(
    folders: PointerFolders,
    config: PointerConfig,
    *,
    workers: int = 1,
    on_problem: Callable[[EditorbotError], None] = lambda error: None,
) -> PointerDataset:
    """Prepare all pairs of a data folder; a pair that cannot be used is reported and left out.

    Raises
    ------
    EditorbotError
        If stems are used but missing, a test artist is among the pairs, or no pair can be used: the first reason.
    """
    pairs = find_pairs(folders.data).pairs
    if config.use_stems:
        for pair in pairs:
            _stems_of(folders.cache, pair.sample)
    ready: list[str] = []
    problems: list[EditorbotError] = []
    for done in run_batch(pairs, partial(_prepare, folders=folders, config=config), workers=workers):
        if done.result is not None:
            ready.append(done.result)
        elif done.error is not None:
            done.error.path = done.error.path or str(done.job.raw)
            problems.append(done.error)
            on_problem(done.error)
    if not ready:
        raise problems[0] if problems else EmptyError("no pairs are in it", path=folders.data)
    return PointerDataset(folders, sorted(ready), config)


def _prepare(pair: Pair, *, folders: PointerFolders, config: PointerConfig) -> str:
    """Compute what is missing of one pair and check the rest; return the sample's name."""
    sample, cache, tracker = pair.sample, folders.cache, folders.beat_tracker
    with open_recording(pair.raw) as recording:
        mel, score = read_mel(cache.raw(sample)), read_score().digest
        analysis: Analysis | None = None
        if mel is None or not mel.is_of(recording, tracker):
            analysis = analyze(recording, beat_tracker=tracker, cache=folders.analyses)
            mel = make_mel(recording, analysis, tracker)
            write_mel(cache.raw(sample), mel)
        if config.step_inputs and _read_steps(cache, sample, mel.digest, config, score=score) is None:
            _write_steps(cache, sample, analysis or analyze(recording, beat_tracker=tracker, cache=folders.analyses))
    targets_of(folders, sample, mel)
    return sample


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
    """Read the step inputs of a recording; None if they are missing, outdated, or of another score than named."""
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
    """Read the mels of the stems, shape=(4, 128, frames)."""
    path = cache.stems_mel(sample)
    stems = read_stem_mels(path)
    if stems is None:
        raise NotFoundError(f"use_stems is true, but {sample} has no stems; run: {STEM_COMMANDS}", path=path)
    return stems


def targets_of(folders: PointerFolders, sample: str, raw: MelEntry) -> PointerTargets:
    """Derive the targets of a pair, from its truth if it has one, else from its alignment.

    Raises
    ------
    NotFoundError, MismatchError
        If it has neither, or pointers are past the end of the recording.
    """
    frames = raw.mel.shape[1]
    place = truth_path(folders.data, sample)
    if place.is_file():
        truth = read_truth(place)
        refuse_artist(truth.artist, path=place)
        pointers = truth_pointers(truth, frame_count(round(truth.finished_s * ANALYSIS_RATE)), frames)
        return PointerTargets(pointers, pointer_ops(pointers), classes_of(truth, step_count(frames)))
    paths = pointer_paths(folders.pointers, sample)
    aligned, ops = read_array(paths.pointers), read_array(paths.ops)
    if aligned is None or ops is None or aligned.dtype != np.int64 or ops.shape != aligned.shape:
        raise NotFoundError(f"{sample} has no alignment; run: {ALIGN_COMMAND}", path=paths.pointers)
    if len(aligned) and not -1 <= aligned.min() <= aligned.max() < frames:
        raise MismatchError(
            f"a pointer is {aligned.max()}, but the raw recording has {frames} frames; run: {ALIGN_COMMAND}",
            path=paths.pointers,
        )
    return PointerTargets(aligned, ops.astype(np.int8), _kept_steps(aligned, frames))


def pointer_ops(pointers: Int64[np.ndarray, " edit_frames"]) -> Int8[np.ndarray, " edit_frames"]:
    """Derive the operation of each frame of an edit from its pointers; fades do not show in them."""
    ops = np.full(len(pointers), FrameOp.COPY, np.int8)
    jumps = np.flatnonzero(np.abs(np.diff(pointers) - 1) > 1) + 1
    ops[jumps] = FrameOp.SKIP
    first = np.unique(pointers, return_index=True)[1]
    again = np.ones(len(pointers), bool)
    again[first] = False
    # Where a take is played a little slower, a frame now and then is there twice; that is no loop.
    again[1:] &= pointers[1:] != pointers[:-1]
    ops[again] = FrameOp.LOOP
    ops[pointers < 0] = FrameOp.OTHER
    return ops


def _kept_steps(pointers: Int64[np.ndarray, " edit_frames"], frames: int) -> Int8[np.ndarray, " steps"]:
    """Class the steps that the edit holds as 'keep', all others as unknown (-1)."""
    is_kept = np.zeros(step_count(frames) * STEP_FRAMES)
    is_kept[pointers[pointers >= 0]] = 1
    return np.where(is_kept.reshape(-1, STEP_FRAMES).mean(1) > 0.5, CLASSES.index("keep"), -1).astype(np.int8)


class PointerDataset(Sequence[PointerPair]):
    """Pairs that are prepared, each read when it is indexed; `config` says what of a recording is read."""

    def __init__(self, folders: PointerFolders, samples: Sequence[str], config: PointerConfig) -> None:
        self.folders, self.samples, self.config = folders, tuple(samples), config

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> PointerPair:  # type: ignore[override]
        sample, cache, steps = self.samples[index], self.folders.cache, None
        raw = read_mel(cache.raw(sample))
        if raw is not None and self.config.step_inputs:
            steps = _read_steps(cache, sample, raw.digest, self.config)
        if raw is None or (self.config.step_inputs and steps is None):
            raise FormatError("its entry in the cache is gone; start the training again", path=cache.raw(sample))
        mel = raw.mel
        if self.config.use_stems:
            stems = _stems_of(cache, sample)
            if stems.shape[2] != mel.shape[1]:
                frames = f"the stems have {stems.shape[2]} frames, the recording {mel.shape[1]}"
                raise MismatchError(f"{frames}; make them again with: {STEM_COMMANDS}", path=cache.stems_mel(sample))
            mel = np.concatenate([mel, *stems])
        inputs = PointerInputs(np.ascontiguousarray(mel, np.float32), steps)
        return PointerPair(sample, inputs, targets_of(self.folders, sample, raw), raw.beats_s)

    def of(self, samples: Sequence[str]) -> PointerDataset:
        """Take the pairs of some names."""
        return PointerDataset(self.folders, samples, self.config)

    @property
    def digest(self) -> str:
        """Digest of all that the pairs hold: names, inputs, truths or alignments."""
        total = hashlib.sha256()
        for sample in self.samples:
            total.update(f"{sample} {content_digest(self._input_files(sample))}".encode())
            for path in self._target_files(sample):
                total.update(path.read_bytes())
        return total.hexdigest()[:16]

    def _input_files(self, sample: str) -> list[Path]:
        cache = self.folders.cache
        more = [_steps_path(cache, sample)] if self.config.step_inputs else []
        return [cache.raw(sample), *more, *([cache.stems_mel(sample)] if self.config.use_stems else [])]

    def _target_files(self, sample: str) -> list[Path]:
        place = truth_path(self.folders.data, sample)
        paths = pointer_paths(self.folders.pointers, sample)
        return [place] if place.is_file() else [paths.pointers, paths.ops]

    def lengths(self, index: int) -> tuple[int, int]:
        """Count the frames of a pair's raw recording, and those that its edit takes from it."""
        pair = self[index]
        return pair.inputs.frames, int((pair.targets.pointers >= 0).sum())
