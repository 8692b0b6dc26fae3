"""Plays an episode with a policy, to a wanted length if there is one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64

from editorbot.editors.policy_inference.learned import LearnedPolicy
from editorbot.editors.policy_inference.network import EncodedRecording, StepLogits, beat_inputs, encode, step_logits
from editorbot.environment.actions import Action, Operation, Treatment, Vocabulary
from editorbot.environment.dynamics import EpisodeState, advance, first_state
from editorbot.environment.masks import masks_at
from editorbot.environment.material import LEAST_TARGET, Material
from editorbot.environment.state import StateRepresentation

BIAS_LIMIT = 16.0
"""Largest bias on the log odds of leaving out, to reach a length."""

BIAS_STEPS = 14
"""Bisections of the bias on the way to a length."""

CLOSE_S = 0.25
"""A length counts as met if it is missed by less [seconds]."""


@dataclass(frozen=True)
class Episode:
    """One sequence of actions over a recording."""

    actions: tuple[Action, ...]
    """The actions, in order."""
    state: EpisodeState
    """Where it ended."""
    keep_chance: Float64[np.ndarray, " beats"]
    """The policy's chance of playing each beat, in [0, 1]; 0 for beats that no action covers."""


@dataclass(frozen=True)
class PreparedRecording:
    """A recording and a policy, ready for the first action."""

    policy: LearnedPolicy
    """The policy."""
    material: Material
    """The recording, with the share to keep."""
    encoded: EncodedRecording
    """The encoder's output."""


def prepare(
    policy: LearnedPolicy,
    material: Material,
    score_features: Float32[np.ndarray, "beats score_features"],
    keep_ratio: float | None,
) -> PreparedRecording:
    """Encode a recording and set the share to keep, by default the policy's own prediction."""
    reach = (len(material.padded) - material.beats) // 2
    features = material.padded[reach : reach + material.beats]
    encoded = encode(beat_inputs(features, score_features, policy.normalizer), policy.weights, policy.config)
    target = encoded.keep_ratio if keep_ratio is None else keep_ratio
    wanted = min(max(target, LEAST_TARGET), 1.0)
    return PreparedRecording(policy, replace(material, target_keep_ratio=wanted), encoded)


def play(prepared: PreparedRecording, *, bias: float = 0.0, temperature: float = 0.0, seed: int = 0) -> Episode:
    """Play an episode to its end.

    Parameters
    ----------
    bias : float
        Added to the log odds of the types that leave out.
    temperature : float
        0 takes the likeliest action each time; 1 samples from the policy, more is bolder.

    Notes
    -----
    Time O(actions), at most four a beat.
    """
    policy, material = prepared.policy, prepared.material
    vocabulary = policy.config.action_vocabulary
    observer = StateRepresentation(vocabulary, policy.normalizer)
    leaves_out = _leaves_out(vocabulary)
    rng = np.random.default_rng(seed)
    lengths = material.lengths.tolist()
    state, actions = first_state(material.beats, vocabulary), []
    chances = np.zeros(material.beats)
    while not (state.is_over or state.is_truncated):
        spans, encoded = lengths[state.cursor], prepared.encoded
        at = state.cursor
        observed = observer.observe(state, material)
        inputs = np.concatenate([encoded.beats[at], encoded.ahead[at], encoded.summary, observed])
        logits = step_logits(inputs, masks_at(state, spans, vocabulary), policy.weights, policy.config)
        biased = logits.type + np.float32(bias) * leaves_out
        action = _sample(StepLogits(biased, logits.size, logits.amount), temperature, rng)
        end = min(state.cursor + spans[action.size], material.beats)
        chance = 1.0 - float(_softmax(logits.type)[leaves_out].sum())
        chances[state.cursor : end] = np.maximum(chances[state.cursor : end], chance)
        actions.append(action)
        state = advance(state, action, spans, vocabulary)
    return Episode(tuple(actions), state, np.clip(chances, 0.0, 1.0))


def play_to(prepared: PreparedRecording, target_s: float, *, temperature: float = 0.0, seed: int = 0) -> Episode:
    """Play the episode that comes nearest to a wanted length [seconds], with the bias found by bisection."""
    low, high, bias = -BIAS_LIMIT, BIAS_LIMIT, 0.0
    best, best_off_s = None, np.inf
    vocabulary = prepared.policy.config.action_vocabulary
    for _ in range(BIAS_STEPS):
        tried = play(prepared, bias=bias, temperature=temperature, seed=seed)
        off_s = output_s(tried.state, prepared.material, vocabulary) - target_s
        if best is None or abs(off_s) < best_off_s:
            best, best_off_s = tried, abs(off_s)
        if best_off_s < CLOSE_S:
            break
        low, high = (bias, high) if off_s > 0 else (low, bias)
        bias = (low + high) / 2
    return best if best is not None else play(prepared, temperature=temperature, seed=seed)


def output_s(state: EpisodeState, material: Material, vocabulary: Vocabulary) -> float:
    """Compute the length of an episode's edit [seconds]."""
    ends_s = np.concatenate([[0.0], np.cumsum(material.tables.duration_s)])
    total = 0.0
    for each in state.all_plays:
        speed = each.value if vocabulary.rows[each.type].treatment == Treatment.SPEED else 1.0
        total += float(ends_s[each.end] - ends_s[each.first]) * each.times / speed
    return total


def _sample(logits: StepLogits, temperature: float, rng: np.random.Generator) -> Action:
    """Choose an action: the likeliest, or a sampled one at a temperature above 0."""
    if temperature <= 0:
        kind = int(logits.type.argmax())
        return Action(kind, int(logits.size[kind].argmax()), int(logits.amount[kind].argmax()))

    def draw(log_odds: np.ndarray) -> int:
        chances = _softmax(np.asarray(log_odds, np.float64) / temperature)
        return min(int(np.searchsorted(np.cumsum(chances), rng.random(), side="right")), _last(chances))

    kind = draw(logits.type)
    return Action(kind, draw(logits.size[kind]), draw(logits.amount[kind]))


def _last(chances: np.ndarray) -> int:
    """Find the last index with a chance above 0: rounded chances may sum to less than 1."""
    return int(np.flatnonzero(chances)[-1])


def _leaves_out(vocabulary: Vocabulary) -> Bool[np.ndarray, " types"]:
    """Mark the types that play nothing of what the cursor passes."""
    return np.array([row.operation in (Operation.CUT, Operation.SKIP, Operation.BRIDGE) for row in vocabulary.rows])


def _softmax(values: np.ndarray) -> np.ndarray:
    raised = np.exp(values - values.max())
    return np.asarray(raised / raised.sum())
