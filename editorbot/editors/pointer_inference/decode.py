"""Turns the pointer network's answers at every raw frame into the plays of an edit.

The network was asked about every raw frame as if it was the last one played. Each frame is now either played, which
costs the log chance of going on, or skipped, which costs the log chance of not going on; so paths that play more or
less are compared fairly, and no cost is negative. A jump costs a price, its bucket's log chance and, inside the
bucket, that of the frame it arrives at; off the beat it costs more. The cheapest path over the places is exact
(`pointer_inference.sweeps`).

Going back skips nothing, so a repeat is played only if the network says 'back' rather than 'on'.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from editorbot.analysis.grid_times import nearest_frames
from editorbot.editors.base import Tightness
from editorbot.editors.pointer_inference.sweeps import cheapest_ways
from editorbot.editors.scoring.clean_takes import take_weight
from editorbot.editors.scoring.scorecard import odds_of
from editorbot.errors import UsageError
from editorbot.models.pointer_config import STEP_VALUES, PointerConfig, PointerInputs, RowScores
from editorbot.models.scorer_config import CLASSES
from editorbot.timebase import FRAME_S, STEP_FRAMES

MOST_LOG = 8.0
"""No single frame counts for more than this [log odds]."""


@dataclass(frozen=True)
class DecodeSettings:
    """Costs of the decoder. Training chooses threshold, frame_weight, jump_cost, score_weight on validation pairs."""

    frame_weight: float = 0.05
    """Weight of a frame's log probability: neighbors say nearly the same, so each is far from new evidence; e.g.
    --frame-weight 0.1."""
    score_weight: float = 0.5
    """Weight of the learned score's log odds of 'keep' beside the network's own, with score_inputs; in [0, 1], e.g.
    --score-weight 0.7."""
    threshold: float = 0.0
    """Added to the log odds of going on; above 0 keeps more, e.g. --threshold 0.5."""
    jump_cost: float = 4.0
    """Cost of a jump, e.g. --jump-cost 8."""
    back_cost: float = 4.0
    """Cost of a jump back, on top; e.g. --back-cost 2."""
    bucket_weight: float = 0.2
    """Weight of the log probability of a jump's distance, e.g. --bucket-weight 0.5."""
    off_beat_cost: float = 1.0
    """Cost of leaving off the beat, and of arriving off the beat; e.g. --off-beat-cost 0.25."""
    short_cost: float = 12.0
    """Cost of a clip shorter than a beat; only a network that is very sure pays it. E.g. --short-cost 6."""
    edge_reach: int = 0
    """How far each edge may move to a frame that the network predicts as one [frames], e.g. --edge-reach 32."""
    edge_price: float = 0.05
    """Cost of each frame that it moves [log odds], e.g. --edge-price 0.2."""

    def __post_init__(self) -> None:
        costs = [self.jump_cost, self.back_cost, self.bucket_weight, self.off_beat_cost, self.short_cost]
        costs += [self.edge_reach, self.edge_price]
        if not (self.frame_weight > 0 and min(costs) >= 0):
            raise UsageError("frame_weight must be positive, and no cost negative")
        if not 0 <= self.score_weight <= 1:
            raise UsageError(f"score_weight must be in [0, 1], but is {self.score_weight}")


@dataclass(frozen=True)
class Plays:
    """What is played, in order, as half-open ranges of raw frames."""

    starts: Int[np.ndarray, " plays"]
    """First frame of each play."""
    ends: Int[np.ndarray, " plays"]
    """Frame after the last of each play."""
    cost: float
    """Cost of the path."""

    @property
    def pointers(self) -> Int[np.ndarray, " edit_frames"]:
        """The raw frame of each frame of the edit."""
        parts = [np.arange(a, b) for a, b in zip(self.starts.tolist(), self.ends.tolist())]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)


@dataclass(frozen=True)
class Costs:
    """The costs that the cheapest path adds up."""

    places: Int[np.ndarray, " places"]
    """Frames at which plays may start or end, from 0 to the recording's end."""
    play: Float[np.ndarray, " places"]
    """Cost of playing all frames before each place."""
    skip: Float[np.ndarray, " places"]
    """Cost of skipping all frames before each place."""
    leave: Float[np.ndarray, " places"]
    """Cost of jumping away at each place, apart from the distance."""
    arrive: Float[np.ndarray, " places"]
    """Cost of starting a play at each place, within its bucket."""
    bucket: Float[np.ndarray, "places buckets"]
    """Cost of each bucket at each place; the last column is for distances within max_delta."""
    least: Int[np.ndarray, " places"]
    """For each place, the first place at which a play from there is a beat long."""


def log_going_on(scores: RowScores, config: PointerConfig) -> Float[np.ndarray, " frames"]:
    """Compute the log odds that each raw frame is played after the one before it, shape=(frames,).

    A frame to either side counts as going on too: a take played a little faster skips one now and then.
    """
    middle = config.max_delta
    near = np.logaddexp.reduce(scores.delta[:, middle - 1 : middle + 2].astype(np.float64), axis=1)
    chance = near - np.logaddexp(0.0, scores.use_jump) - np.logaddexp(0.0, scores.stop)
    chance = np.minimum(chance, -1e-6)[:-1]
    return np.clip(chance - np.log(-np.expm1(chance)), -MOST_LOG, MOST_LOG)


def score_odds_of(inputs: PointerInputs, config: PointerConfig) -> Float[np.ndarray, " frames"] | None:
    """Read the learned score's log odds of 'keep' at each frame, shape=(frames,); None if it is no input."""
    if not config.score_inputs or inputs.steps is None:
        return None
    keep = np.exp(inputs.steps.values[:, STEP_VALUES + CLASSES.index("keep")].astype(np.float64))
    step = np.minimum(np.arange(inputs.frames) // STEP_FRAMES, len(keep) - 1)
    return np.asarray(np.clip(odds_of(keep), -MOST_LOG, MOST_LOG)[step])


def prices_for(
    settings: DecodeSettings, inputs: PointerInputs, config: PointerConfig, tightness: Tightness = "normal"
) -> DecodeSettings:
    """Adapt the prices to a recording: in a take the score counts more, because it distinguishes takes from jams."""
    if not config.score_inputs or inputs.steps is None:
        return settings
    weight = take_weight(np.exp(inputs.steps.values[:, STEP_VALUES : STEP_VALUES + len(CLASSES)]), tightness)
    return replace(settings, score_weight=max(settings.score_weight, weight))


def places_of(
    beats_s: Float[np.ndarray, " beats"], odds: Float[np.ndarray, " frames"], *, every_frame: bool = False
) -> tuple[Int[np.ndarray, " places"], Bool[np.ndarray, " places"]]:
    """Find where plays may start and end, and which of these places are on the beat.

    The places are beats, and frames where going on becomes likely or unlikely: talk does not end on a beat.
    """
    count = len(odds)
    beats = nearest_frames(beats_s)
    beats = np.unique(beats[(beats >= 0) & (beats <= count)])
    smooth = np.convolve(odds, np.ones(9) / 9, mode="same") > 0
    changes = np.flatnonzero(np.diff(smooth)) + 1
    more = np.arange(count + 1) if every_frame else np.concatenate([[0, count], changes])
    places = np.unique(np.concatenate([beats, more])).astype(np.int64)
    return places, np.isin(places, np.concatenate([beats, [0, count]]))


def costs_of(
    scores: RowScores,
    config: PointerConfig,
    settings: DecodeSettings,
    beats_s: Float[np.ndarray, " beats"],
    *,
    score_odds: Float[np.ndarray, " frames"] | None = None,
    every_frame: bool = False,
) -> Costs:
    """Compute what playing, skipping and jumping cost.

    Parameters
    ----------
    beats_s : np.ndarray, shape=(beats,) [seconds]
        Where plays should start and end.
    score_odds : np.ndarray, shape=(frames,), optional
        From :func:`score_odds_of`.
    every_frame : bool
        Let plays start and end at every frame rather than at beats and changes.
    """
    odds = log_going_on(scores, config)
    if score_odds is not None:
        odds = (1 - settings.score_weight) * odds + settings.score_weight * score_odds
    odds = np.clip(odds + settings.threshold, -MOST_LOG, MOST_LOG)
    places, is_beat = places_of(beats_s, odds, every_frame=every_frame)
    weight = settings.frame_weight
    play = np.concatenate([[0.0], np.cumsum(weight * np.logaddexp(0.0, -odds))])[places]
    skip = np.concatenate([[0.0], np.cumsum(weight * np.logaddexp(0.0, odds))])[places]
    off = np.where(is_beat, 0.0, settings.off_beat_cost)
    rows = np.minimum(places, len(odds))
    log_jump = -np.logaddexp(0.0, -scores.use_jump[rows].astype(np.float64))
    log_small = -np.logaddexp(0.0, scores.use_jump[rows].astype(np.float64))
    bucket = -np.column_stack([scores.jump[rows] + log_jump[:, None], log_small])
    beat_frames = max(int(np.median(np.diff(beats_s)) / FRAME_S * 0.9), 1) if len(beats_s) > 1 else 1
    starts = -np.logaddexp(0.0, -scores.arrive[np.minimum(places, len(odds) - 1)].astype(np.float64))
    return Costs(
        places=places,
        play=play,
        skip=skip,
        leave=off + settings.jump_cost,
        arrive=off - settings.bucket_weight * np.maximum(starts, -MOST_LOG),
        bucket=settings.bucket_weight * np.minimum(bucket, 2 * MOST_LOG),
        least=np.minimum(np.searchsorted(places, places + beat_frames), len(places) - 1),
    )


def best_plays(costs: Costs, config: PointerConfig, settings: DecodeSettings) -> Plays:
    """Find the cheapest path from the start of the edit to its end: at least one play.

    Notes
    -----
    Time O(places x buckets) a sweep, with one sweep more than the cheapest path has jumps back.
    """
    reach_cost, start_from, reach_from = cheapest_ways(
        costs.places, costs.play, costs.skip, costs.leave, costs.arrive, costs.bucket, costs.least,
        config.bucket_edges, config.max_delta, settings.back_cost, settings.short_cost,
    )  # fmt: skip
    total = reach_cost + costs.skip[-1] - costs.skip
    place = int(total.argmin())
    starts: list[int] = []
    ends: list[int] = []
    while place >= 0:
        ends.append(int(costs.places[place]))
        while reach_from[place] < 0:  # the play was long enough already one place before
            place -= 1
        begin = int(reach_from[place])
        starts.append(int(costs.places[begin]))
        place = int(start_from[begin])
    return Plays(np.array(starts[::-1], np.int64), np.array(ends[::-1], np.int64), float(total.min()))


def with_edges(plays: Plays, scores: RowScores, settings: DecodeSettings) -> Plays:
    """Move the edges of plays to nearby frames that the network predicts as starts and ends.

    The path's own edges are only as fine as its places: beats, and steps of 0.2 s.
    """
    frames = len(scores.arrive)
    starts, ends = plays.starts.copy(), plays.ends.copy()
    for number in range(len(starts)):
        room = int(ends[number] - starts[number]) // 3
        if starts[number] > 0:
            starts[number] = _edge_near(scores.arrive, int(starts[number]), room, settings)
        if ends[number] < frames:
            ends[number] = 1 + _edge_near(scores.leave, int(ends[number]) - 1, room, settings)
    return Plays(starts, ends, plays.cost)


def _edge_near(odds: Float[np.ndarray, " frames"], at: int, room: int, settings: DecodeSettings) -> int:
    """Find the likeliest edge near a frame."""
    reach = min(settings.edge_reach, room)
    near = np.arange(max(at - reach, 0), min(at + reach + 1, len(odds)))
    return int(near[(odds[near] - settings.edge_price * np.abs(near - at)).argmax()])
