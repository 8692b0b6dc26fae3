"""Samples for behavioral cloning: the states that a policy would have seen, and what the human did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float32

from editorbot.analysis.analysis import Analysis
from editorbot.corpus.dataset import BcDataset
from editorbot.corpus.labels.pair_labels import PairLabels
from editorbot.corpus.labels.replay import Moment, replayed, without_trifles
from editorbot.environment.actions import V3
from editorbot.environment.dynamics import EpisodeState
from editorbot.environment.episodes import transcript_of
from editorbot.environment.material import LEAST_TARGET, Material, beat_bounds, material_of
from editorbot.environment.spans import span_lengths
from editorbot.environment.state import STATE_SIZE, raw_state


def samples_of_pair(labels: PairLabels) -> BcDataset:
    """Return one sample for each step of a human's edit."""
    analysis = labels.analysis
    transcript = transcript_of(without_trifles(labels.edit_list, labels.level_db), analysis)
    # The human's own share of kept time is the target, as it is in training.
    durations = np.diff(beat_bounds(analysis))
    target = float((labels.kept * durations).sum() / max(int(durations.sum()), 1))
    moments = replayed(transcript.actions, span_lengths(analysis))
    return samples_of(analysis, moments, labels.sample, labels.sample, target=target, artist=labels.artist)


def samples_of(
    analysis: Analysis,
    moments: Iterable[Moment],
    pair: str,
    recording: str,
    *,
    target: float,
    types: Sequence[int] = (),
    artist: str = "",
) -> BcDataset:
    """Return the open moments of an episode as samples.

    Parameters
    ----------
    analysis : Analysis
        Of the recording.
    moments : iterable of Moment
        The episode.
    pair, recording : str
        Names of the pair, and of the recording where it is not the pair's own.
    target : float
        Share of the recording that is kept in the end.
    types : sequence of int
        Types that become samples; all where empty.
    artist : str
        Who made the music; empty where nobody says.
    """
    material = material_of(analysis, target_keep_ratio=min(max(target, LEAST_TARGET), 1.0))
    picked = [m for m in moments if m.is_open and (not types or m.action.type in types)]
    states = observed(material, [moment.state for moment in picked])
    actions = [moment.action for moment in picked]
    count = len(picked)
    return BcDataset(
        states=states,
        type_labels=np.array([action.type for action in actions], dtype=np.int64),
        size_labels=np.array([action.size for action in actions], dtype=np.int64),
        amount_labels=np.array([action.amount for action in actions], dtype=np.int64),
        good_bad=np.array([moment.is_good for moment in picked], dtype=np.int64),
        pair_ids=np.full(count, pair) if count else np.zeros(0, dtype="<U1"),
        recording_ids=np.zeros(count, dtype=np.int64),
        beat_index=np.array([moment.state.cursor for moment in picked], dtype=np.int64),
        features=analysis.features.astype(np.float32),
        offsets=np.array([0, len(analysis.features)], dtype=np.int64),
        recording_names=(recording,),
        data_dir="",
        vocabulary=V3.name,
        artists=(artist,),
    )


def observed(material: Material, states: Sequence[EpisodeState]) -> Float32[np.ndarray, "samples state"]:
    """Return what the policy sees in some states, not normalized, shape=(states, STATE_SIZE)."""
    rows = [raw_state(state, material, V3) for state in states]
    return np.array(rows, dtype=np.float32).reshape(len(rows), STATE_SIZE)
