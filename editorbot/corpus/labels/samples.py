"""Samples for behavioral cloning: the human's edit, played as an episode, with the state before each step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Int64

from editorbot.analysis.analysis import Analysis
from editorbot.corpus.dataset import BcDataset
from editorbot.corpus.labels.pair_labels import LabelJob, PairLabels, label_pair
from editorbot.editlist.edit_list import Clip, EditList
from editorbot.environment.actions import V3, Action, Operation, Vocabulary
from editorbot.environment.dynamics import EpisodeState, advance, first_state
from editorbot.environment.episodes import transcript_of
from editorbot.environment.masks import masks_at
from editorbot.environment.material import LEAST_TARGET, Material, beat_bounds, material_of
from editorbot.environment.spans import span_lengths
from editorbot.environment.state import STATE_SIZE, raw_state

_LEAST_GAIN_DB, _LEAST_SPEED, _LEAST_PITCH = 0.75, 0.01, 0.5
"""Smaller changes are ignored: half of the smallest amounts."""


@dataclass(frozen=True)
class EpisodeStep:
    """One step and the state before it."""

    state: EpisodeState
    """The state before the step."""
    action: Action
    """The action."""
    is_legal: bool
    """Whether the masks allow it there; an action that they forbid is played, but no sample is made of it."""
    vocabulary: Vocabulary = V3
    """Vocabulary of the action."""

    @property
    def is_good(self) -> bool:
        """Whether it keeps the beat at the cursor."""
        return self.vocabulary.rows[self.action.type].operation not in (Operation.CUT, Operation.SKIP)


def replay_actions(
    actions: Sequence[Action], lengths: Int64[np.ndarray, "beats 5"], vocabulary: Vocabulary = V3
) -> Iterator[EpisodeStep]:
    """Yield the steps of an episode, until it ends or the actions do.

    `lengths` is what each size spans from each beat on, see `editorbot.environment.spans`.

    Notes
    -----
    An episode ends with the first step that reaches the last beat; whatever a human repeated after
    that is not part of it.
    """
    state = first_state(len(lengths), vocabulary)
    for action in actions:
        if state.is_over or state.is_truncated:
            return
        spans = lengths[state.cursor].tolist()
        is_legal = masks_at(state, spans, vocabulary).allows(action)
        yield EpisodeStep(state, action, is_legal, vocabulary)
        state = advance(state, action, spans, vocabulary)


def without_inaudible_changes(edit_list: EditList, level_db: float) -> EditList:
    """Remove what is no action from a measured edit: the level over most of it [dB], and inaudible changes."""
    return replace(edit_list, clips=tuple(_without_inaudible_changes(clip, level_db) for clip in edit_list.clips))


def _without_inaudible_changes(clip: Clip, level_db: float) -> Clip:
    gain_db = clip.gain_db - level_db
    half = 0.5 * clip.output_samples
    fade_in, fade_out = (fade if fade > half else 0 for fade in (clip.fade_in, clip.fade_out))
    is_treated = bool(clip.reverse or clip.effects or fade_in or fade_out)
    plain = replace(clip, fade_in=0, fade_out=0)
    speed = clip.speed if abs(clip.speed - 1) >= _LEAST_SPEED else 1.0
    pitch = clip.pitch_semitones if abs(clip.pitch_semitones) >= _LEAST_PITCH else 0.0
    is_treated = is_treated or speed != 1 or pitch != 0
    # After another treatment a gain is only part of it.
    gain_db = gain_db if abs(gain_db) >= _LEAST_GAIN_DB and not is_treated else 0.0
    plain = replace(plain, gain_db=gain_db, speed=speed, pitch_semitones=pitch)
    longest = plain.output_samples
    return replace(plain, fade_in=min(fade_in, longest), fade_out=min(fade_out, longest - min(fade_in, longest)))


@dataclass(frozen=True)
class LabelledPair:
    """The labels of a pair, and samples for cloning."""

    labels: PairLabels
    """What the human did."""
    samples: BcDataset
    """What a policy learns from it."""


def label_and_sample(job: LabelJob) -> LabelledPair:
    """Label a pair, and make samples of its labels."""
    labels = label_pair(job)
    return LabelledPair(labels, samples_of_pair(labels))


def samples_of_pair(labels: PairLabels) -> BcDataset:
    """Make one sample of each step of a human's edit."""
    analysis = labels.analysis
    transcript = transcript_of(without_inaudible_changes(labels.edit_list, labels.level_db), analysis)
    # The human's own share of kept time is the target, as it is in training.
    durations = np.diff(beat_bounds(analysis))
    target = float((labels.kept * durations).sum() / max(int(durations.sum()), 1))
    steps = replay_actions(transcript.actions, span_lengths(analysis))
    return samples_of(analysis, steps, labels.sample, labels.sample, target=target, artist=labels.artist)


def samples_of(
    analysis: Analysis,
    steps: Iterable[EpisodeStep],
    pair: str,
    recording: str,
    *,
    target: float,
    types: Sequence[int] = (),
    artist: str = "",
) -> BcDataset:
    """Make samples of the legal steps of an episode, only of some types if they are given.

    `recording` is the name of the pair, or of what was made of it; `target` the share of it that is kept in the end.
    """
    material = material_of(analysis, target_keep_ratio=min(max(target, LEAST_TARGET), 1.0))
    picked = [step for step in steps if step.is_legal and (not types or step.action.type in types)]
    states = observations_of(material, [step.state for step in picked])
    actions = [step.action for step in picked]
    count = len(picked)
    return BcDataset(
        states=states,
        type_labels=np.array([action.type for action in actions], dtype=np.int64),
        size_labels=np.array([action.size for action in actions], dtype=np.int64),
        amount_labels=np.array([action.amount for action in actions], dtype=np.int64),
        good_bad=np.array([step.is_good for step in picked], dtype=np.int64),
        pair_ids=np.full(count, pair) if count else np.zeros(0, dtype="<U1"),
        recording_ids=np.zeros(count, dtype=np.int64),
        beat_index=np.array([step.state.cursor for step in picked], dtype=np.int64),
        features=analysis.features.astype(np.float32),
        offsets=np.array([0, len(analysis.features)], dtype=np.int64),
        recording_names=(recording,),
        data_dir="",
        vocabulary=V3.name,
        artists=(artist,),
    )


def observations_of(material: Material, states: Sequence[EpisodeState]) -> Float32[np.ndarray, "samples state"]:
    """Return the observations of some states, not normalized, shape=(states, STATE_SIZE)."""
    rows = [raw_state(state, material, V3) for state in states]
    return np.array(rows, dtype=np.float32).reshape(len(rows), STATE_SIZE)
