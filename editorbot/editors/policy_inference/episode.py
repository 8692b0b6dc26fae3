"""Plays an episode as the policy says, toward a length where one is wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64

from editorbot.editors.policy_inference.network import EncodedRecording, StepLogits, beat_inputs, encode, step_logits
from editorbot.editors.policy_inference.weights import LearnedPolicy
from editorbot.environment.actions import Action, Operation, Treatment, Vocabulary
from editorbot.environment.dynamics import EpisodeState, advance, first_state
from editorbot.environment.masks import masks_at
from editorbot.environment.material import LEAST_TARGET, Material
from editorbot.environment.state import StateRepresentation

LEAN_LIMIT = 16.0
"""Most that the log odds of leaving out are moved to reach a length."""

LEAN_STEPS = 14
"""Halvings of that on the way to a length."""

CLOSE_S = 0.25
"""A length that is missed by less is met [seconds]."""


@dataclass(frozen=True)
class Episode:
    """One way through a recording."""

    actions: tuple[Action, ...]
    """The steps."""
    state: EpisodeState
    """Where it ended."""
    keep_chance: Float64[np.ndarray, " beats"]
    """Chance that the policy gave to playing each beat, in [0, 1]; 0 where it never stood or spanned."""


@dataclass(frozen=True)
class PreparedRecording:
    """A recording as the policy knows it before the first step."""

    policy: LearnedPolicy
    """Who plays."""
    material: Material
    """What is played on, with the share to keep."""
    encoded: EncodedRecording
    """What the encoder makes of it."""


def prepare(
    policy: LearnedPolicy,
    material: Material,
    score_features: Float32[np.ndarray, "beats score_features"],
    keep_ratio: float | None,
) -> PreparedRecording:
    """Return a recording ready to be played on.

    Parameters
    ----------
    policy : LearnedPolicy
        Who plays.
    material : Material
        The recording.
    score_features : np.ndarray, shape=(beats, SCORE_FEATURES)
        See :func:`editorbot.editors.policy_inference.score_features.score_features_of`.
    keep_ratio : float, optional
        Share to keep; the policy's own guess where left out.
    """
    reach = (len(material.padded) - material.beats) // 2
    features = material.padded[reach : reach + material.beats]
    encoded = encode(beat_inputs(features, score_features, policy.normalizer), policy.weights, policy.config)
    target = encoded.keep_ratio if keep_ratio is None else keep_ratio
    wanted = min(max(target, LEAST_TARGET), 1.0)
    return PreparedRecording(policy, replace(material, target_keep_ratio=wanted), encoded)


def play(prepared: PreparedRecording, *, lean: float = 0.0, temperature: float = 0.0, seed: int = 0) -> Episode:
    """Play an episode to its end.

    Parameters
    ----------
    prepared : PreparedRecording
        Policy and recording.
    lean : float
        Added to the log odds of the types that leave out.
    temperature : float
        0 takes the likeliest step each time; 1 draws as the policy says, more is bolder.
    seed : int
        Of the draws.

    Notes
    -----
    Time O(steps), of which there are at most four a beat.
    """
    policy, material = prepared.policy, prepared.material
    vocabulary = policy.config.action_vocabulary
    sight = StateRepresentation(vocabulary, policy.normalizer)
    leaves_out = _leaves_out(vocabulary)
    rng = np.random.default_rng(seed)
    lengths = material.lengths.tolist()
    state, actions = first_state(material.beats, vocabulary), []
    chances = np.zeros(material.beats)
    while not (state.is_over or state.is_truncated):
        spans, encoded = lengths[state.cursor], prepared.encoded
        at = state.cursor
        seen = np.concatenate([encoded.beats[at], encoded.ahead[at], encoded.summary, sight.observe(state, material)])
        logits = step_logits(seen, masks_at(state, spans, vocabulary), policy.weights, policy.config)
        leaned = logits.type + np.float32(lean) * leaves_out
        action = chosen(StepLogits(leaned, logits.size, logits.amount), temperature, rng)
        end = min(state.cursor + spans[action.size], material.beats)
        chance = 1.0 - float(_softmax(logits.type)[leaves_out].sum())
        chances[state.cursor : end] = np.maximum(chances[state.cursor : end], chance)
        actions.append(action)
        state = advance(state, action, spans, vocabulary)
    return Episode(tuple(actions), state, np.clip(chances, 0.0, 1.0))


def play_to(prepared: PreparedRecording, target_s: float, *, temperature: float = 0.0, seed: int = 0) -> Episode:
    """Play an episode whose length comes nearest to a wanted one [seconds].

    The policy leans toward leaving out, or away from it, as much as that takes.
    """
    low, high, lean = -LEAN_LIMIT, LEAN_LIMIT, 0.0
    best, best_off_s = None, np.inf
    vocabulary = prepared.policy.config.action_vocabulary
    for _ in range(LEAN_STEPS):
        tried = play(prepared, lean=lean, temperature=temperature, seed=seed)
        off_s = output_s(tried.state, prepared.material, vocabulary) - target_s
        if best is None or abs(off_s) < best_off_s:
            best, best_off_s = tried, abs(off_s)
        if best_off_s < CLOSE_S:
            break
        low, high = (lean, high) if off_s > 0 else (low, lean)
        lean = (low + high) / 2
    return best if best is not None else play(prepared, temperature=temperature, seed=seed)


def output_s(state: EpisodeState, material: Material, vocabulary: Vocabulary) -> float:
    """Return how long an episode's edit is [seconds]."""
    ends_s = np.concatenate([[0.0], np.cumsum(material.tables.duration_s)])
    total = 0.0
    for each in state.all_plays:
        speed = each.value if vocabulary.rows[each.type].treatment == Treatment.SPEED else 1.0
        total += float(ends_s[each.end] - ends_s[each.first]) * each.times / speed
    return total


def chosen(logits: StepLogits, temperature: float, rng: np.random.Generator) -> Action:
    """Return a step: the likeliest, or one that is drawn where the temperature is above 0."""
    if temperature <= 0:
        kind = int(logits.type.argmax())
        return Action(kind, int(logits.size[kind].argmax()), int(logits.amount[kind].argmax()))

    def draw(log_odds: np.ndarray) -> int:
        chances = _softmax(np.asarray(log_odds, np.float64) / temperature)
        return min(int(np.searchsorted(np.cumsum(chances), rng.random(), side="right")), _last(chances))

    kind = draw(logits.type)
    return Action(kind, draw(logits.size[kind]), draw(logits.amount[kind]))


def _last(chances: np.ndarray) -> int:
    """Return the last index that has a chance: sums of chances may fall short of 1."""
    return int(np.flatnonzero(chances)[-1])


def _leaves_out(vocabulary: Vocabulary) -> Bool[np.ndarray, " types"]:
    """Tell which types play nothing of what the cursor passes."""
    return np.array([row.operation in (Operation.CUT, Operation.SKIP, Operation.BRIDGE) for row in vocabulary.rows])


def _softmax(values: np.ndarray) -> np.ndarray:
    raised = np.exp(values - values.max())
    return np.asarray(raised / raised.sum())
