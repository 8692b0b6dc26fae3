"""More samples of rare action types, made from the finished edits of the pairs.

A finished edit is corrupted so that a known action repairs it (see :mod:`editorbot.corpus.labels.corruption`),
then rendered and analyzed. Recordings are made in rounds of a fixed number, so that the result depends on the seed
alone and not on the number of processes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from editorbot.analysis import BeatTracker
from editorbot.analysis.analyze import analyze
from editorbot.corpus.batch import Done, run_batch
from editorbot.corpus.dataset import BcDataset, joined, with_artists
from editorbot.corpus.labels.corruption import corrupt, repair_steps
from editorbot.corpus.labels.samples import replay_actions, samples_of
from editorbot.corpus.pairs import Pair, find_pairs
from editorbot.environment.actions import V3
from editorbot.environment.material import beat_bounds
from editorbot.environment.spans import span_lengths
from editorbot.errors import EmptyError, NotFoundError, TooShortError
from editorbot.recording import Recording, TrackWriter, open_recording
from editorbot.render.render import render_blocks
from editorbot.timebase import s_to_samples

ROUND = 8
"""Recordings that are made before the samples are counted again."""
EXCERPT_S = 150.0
"""Length of the part of a finished edit that a recording is made of [seconds]."""

_LEAST_BEATS = 24
_IDLE_ROUNDS = 3
"""Rounds without any new sample after which it is given up."""


@dataclass(frozen=True)
class AugmentJob:
    """One recording to make."""

    pair: Pair
    """The pair of the finished edit."""
    types: tuple[int, ...]
    """Types of the actions that repair it, in order."""
    seed: tuple[int, ...]
    """Seed of everything that is drawn."""
    name: str
    """Name of the recording."""
    artist: str = ""
    """Who made the music, if it is known."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds the beats."""


@dataclass(frozen=True)
class Augmented:
    """A data set with more samples."""

    data: BcDataset
    """All samples, the given ones first."""
    recordings: int
    """Recordings that were made."""
    missing: tuple[str, ...]
    """Types with too few samples."""


def augment(
    data: BcDataset,
    min_samples: int,
    *,
    seed: int = 0,
    workers: int = 1,
    beat_tracker: BeatTracker = "embedded",
    on_done: Callable[[Done[AugmentJob, BcDataset]], None] = lambda done: None,
    on_round: Callable[[int, int], None] = lambda made, missing: None,
) -> Augmented:
    """Add samples until each type has at least `min_samples`.

    Parameters
    ----------
    data : BcDataset
        The samples so far; its `data_dir` holds the audio.
    min_samples : int
        Least number of samples of each type.
    seed : int
        The same seed makes the same samples.
    workers : int
        Processes at work; the samples do not depend on it.
    beat_tracker : str
        Who finds the beats.
    on_done : callable
        Called with the result of every recording.
    on_round : callable
        Called after each round with the recordings that were made so far, and the samples that are still missing.

    Raises
    ------
    NotFoundError
        If the audio is no longer where it was.
    """
    data = with_artists(data, Path(data.data_dir))
    artists = dict(zip(data.recording_pairs, data.artists))
    parts, needed = [data], np.maximum(min_samples - data.type_counts, 0)
    pairs = _pairs(data) if needed.any() else ()
    rng = np.random.default_rng(seed)
    made = idle = 0
    while needed.any() and idle < _IDLE_ROUNDS:
        jobs = [_job(pairs, needed, rng, (seed, made + k)) for k in range(ROUND)]
        jobs = [replace(job, artist=artists.get(job.pair.sample, ""), beat_tracker=beat_tracker) for job in jobs]
        results: dict[str, BcDataset | None] = {}
        for done in run_batch(jobs, make_samples, workers=workers):
            on_done(done)
            results[done.job.name] = done.result
        before = needed.copy()
        for job in jobs:
            part = results[job.name]
            if part is not None:
                part = _only_needed(part, needed)
                needed = np.maximum(needed - part.type_counts, 0)
                parts += [part] if len(part.states) else []
        made += ROUND
        on_round(made, int(needed.sum()))
        idle = idle + 1 if (needed == before).all() else 0
    missing = tuple(V3.names[k] for k in np.flatnonzero(needed))
    return Augmented(joined(parts, data.data_dir), made, missing)


def _pairs(data: BcDataset) -> tuple[Pair, ...]:
    """Find the pairs that the samples were made of."""
    wanted = set(data.pair_ids.tolist())
    try:
        pairs = tuple(pair for pair in find_pairs(Path(data.data_dir)).pairs if pair.sample in wanted)
    except (NotFoundError, EmptyError) as error:
        message = "the audio of the samples is no longer there; give its folder with --data-dir"
        raise NotFoundError(message, path=data.data_dir) from error
    if not pairs:
        raise NotFoundError(
            "it holds none of the pairs of the samples; give their folder with --data-dir", path=data.data_dir
        )
    return pairs


def _job(
    pairs: Sequence[Pair], needed: Int64[np.ndarray, " types"], rng: np.random.Generator, seed: tuple[int, ...]
) -> AugmentJob:
    """Draw a job in which the types that need most samples come most often."""
    pair = pairs[int(rng.integers(len(pairs)))]
    weights = np.sqrt(needed) / np.sqrt(needed).sum()
    types = tuple(int(type_) for type_ in rng.choice(len(needed), size=64, p=weights))
    return AugmentJob(pair, types, seed, f"{pair.sample}+{seed[-1]}")


def _only_needed(part: BcDataset, needed: Int64[np.ndarray, " types"]) -> BcDataset:
    """Keep as many samples of each type as are needed."""
    picked = [np.flatnonzero(part.type_labels == type_)[: int(count)] for type_, count in enumerate(needed)]
    return part.rows(np.sort(np.concatenate(picked)).astype(np.int64))


def make_samples(job: AugmentJob) -> BcDataset:
    """Make one recording and samples of its repairs.

    Raises
    ------
    TooShortError
        If the finished edit has too few beats.
    EditorbotError
        Whatever opening and analyzing raise.
    """
    rng = np.random.default_rng(job.seed)
    with tempfile.TemporaryDirectory(prefix="editorbot-") as folder:
        excerpt, corrupted = Path(folder) / "finished.wav", Path(folder) / "corrupted.wav"
        with open_recording(job.pair.edit) as edit:
            _write_excerpt(edit, excerpt, rng)
        with open_recording(excerpt) as finished:
            analysis = analyze(finished, beat_tracker=job.beat_tracker)
            if len(analysis.beats_s) < _LEAST_BEATS:
                message = f"its edit has {len(analysis.beats_s)} beats, {_LEAST_BEATS} are needed"
                raise TooShortError(message, path=job.pair.edit)
            made = corrupt(finished.source, beat_bounds(analysis), job.types, rng)
            with TrackWriter(corrupted, finished.sample_rate, finished.channels, "FLOAT") as writer:
                for block in render_blocks(made.edit_list, finished):
                    writer.write(block)
        with open_recording(corrupted) as recording:
            analysis = analyze(recording, beat_tracker=job.beat_tracker)
    steps = repair_steps(made.spans, beat_bounds(analysis), span_lengths(analysis))
    wanted = sorted(set(job.types))
    episode = replay_actions(steps.actions, span_lengths(analysis))
    right = [step for number, step in enumerate(episode) if number in steps.right]
    return samples_of(
        analysis, right, job.pair.sample, job.name, target=steps.kept_share, types=wanted, artist=job.artist
    )


def _write_excerpt(edit: Recording, path: Path, rng: np.random.Generator) -> None:
    """Write a random part of a finished edit."""
    length = min(edit.samples, s_to_samples(EXCERPT_S, edit.sample_rate))
    start = int(rng.integers(0, edit.samples - length + 1))
    with TrackWriter(path, edit.sample_rate, edit.channels, "FLOAT") as writer:
        for at in range(start, start + length, 1 << 18):
            writer.write(edit.read(at, min(at + (1 << 18), start + length)))
