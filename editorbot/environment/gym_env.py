"""Editing one recording, step by step: the Gymnasium environment.

An episode is played on one of several recordings, on a window of it where it is long. It ends when the recording is
used up and is truncated after four steps a beat; the whole reward comes then. ``info`` holds ``recording``, the
``beat`` of the recording at the cursor, the ``cursor`` in the window, and the masks ``type_mask``, ``size_mask``,
``amount_mask``; at the end also every component of the reward. A masked action is carried out as far as it goes;
samplers never choose one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from jaxtyping import Float32

from editorbot.environment.actions import Action
from editorbot.environment.dynamics import EpisodeState, advance, first_state
from editorbot.environment.masks import Masks, masks_at
from editorbot.environment.material import Material
from editorbot.environment.reward import reward_of
from editorbot.environment.settings import EnvironmentSettings
from editorbot.environment.state import (
    CLIP,
    STATE_SIZE,
    Normalizer,
    RunningStatistics,
    StateRepresentation,
    check_features,
)
from editorbot.errors import UsageError

Observation = Float32[np.ndarray, " state"]


def observation_space(normalizer: Normalizer | None) -> spaces.Box:
    """Space of the states: within +-CLIP where they are normalized, else whatever float32 holds."""
    limit = float(np.finfo(np.float32).max) if normalizer is None else CLIP
    return spaces.Box(-limit, limit, (STATE_SIZE,), np.float32)


def checked(materials: Sequence[Material]) -> tuple[Material, ...]:
    """Check that recordings can be played on.

    Raises
    ------
    UsageError
        If there is none.
    NonFiniteError
        If a feature is not finite; names file, beat and feature.
    """
    if not materials:
        raise UsageError("an environment needs at least one recording")
    for material in materials:
        check_features(material)
    return tuple(materials)


class EditingEnv(gymnasium.Env[Observation, np.ndarray]):
    """Editing as an environment for one learner.

    Parameters
    ----------
    materials : sequence of Material
        Recordings; each episode is played on one drawn at random.
    settings : EnvironmentSettings, optional
        The default's where left out.
    normalizer : Normalizer, optional
        Observations are raw without one.

    Raises
    ------
    UsageError
        If there is no recording.
    NonFiniteError
        If a feature is not finite.
    """

    metadata = {"render_modes": []}  # noqa: RUF012, the base class declares it so

    def __init__(
        self,
        materials: Sequence[Material],
        settings: EnvironmentSettings | None = None,
        normalizer: Normalizer | None = None,
    ) -> None:
        self._materials = checked(materials)
        self._settings = settings or EnvironmentSettings()
        self.vocabulary = self._settings.action_vocabulary
        self._representation = StateRepresentation(self.vocabulary, normalizer)
        self.action_space = spaces.MultiDiscrete(list(self.vocabulary.shape))
        self.observation_space = observation_space(normalizer)
        self._recording = 0
        self._material = self._materials[0]
        self._lengths: list[list[int]] = []
        self.state: EpisodeState | None = None
        """The episode so far; None before the first reset."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Parameters
        ----------
        seed : int, optional
            Of the draws of recordings and windows from here on.
        options : dict, optional
            ``recording`` (its number) and ``first`` (beat where the window begins) in place of draws.
        """
        super().reset(seed=seed)
        chosen = options or {}
        if unknown := sorted(set(chosen) - {"recording", "first"}):
            raise UsageError(f"reset has no option {unknown[0]!r}; it has recording and first")
        self._recording = int(chosen.get("recording", self.np_random.integers(len(self._materials))))
        whole, length = self._materials[self._recording], self._settings.window_beats
        first = int(chosen.get("first", self.np_random.integers(max(whole.beats - length, 0) + 1)))
        self._material = whole.window(first, length)
        self._lengths = self._material.lengths.tolist()
        self.state = first_state(self._material.beats, self.vocabulary)
        return self._observe(self.state), self._info(self.state)

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Carry out one action: (type, size, amount)."""
        before = self.state
        if before is None or before.is_over or before.is_truncated:
            raise UsageError("step was called without an episode under way; call reset first")
        if not all(0 <= int(index) < count for index, count in zip(action, self.vocabulary.shape)):
            raise UsageError(f"action {list(action)} is outside the space {list(self.vocabulary.shape)}")
        chosen = Action(int(action[0]), int(action[1]), int(action[2]))
        state = advance(before, chosen, self._lengths[before.cursor], self.vocabulary)
        self.state = state
        info = self._info(state)
        reward = 0.0
        if state.is_over or state.is_truncated:
            episode_reward = reward_of(state, self._material, self.vocabulary, self._settings.reward)
            reward, info["components"] = episode_reward.total, dict(episode_reward.components)
        return self._observe(state), reward, state.is_over, state.is_truncated, info

    def masks(self) -> Masks:
        """Compute the masks at the cursor."""
        if self.state is None:
            raise UsageError("there are no masks before the first reset")
        lengths = self._lengths[min(self.state.cursor, self.state.beats - 1)]
        return masks_at(self.state, lengths, self.vocabulary, self._settings.max_loops)

    def _observe(self, state: EpisodeState) -> Observation:
        return self._representation.observe(state, self._material)

    def _info(self, state: EpisodeState) -> dict[str, Any]:
        masks = self.masks()
        return {
            "recording": self._recording,
            "beat": self._material.first + state.cursor,
            "cursor": state.cursor,
            "type_mask": masks.type,
            "size_mask": masks.size,
            "amount_mask": masks.amount,
        }


def subprocess_envs(
    materials: Sequence[Material],
    num_envs: int,
    settings: EnvironmentSettings | None = None,
    normalizer: Normalizer | None = None,
) -> gymnasium.vector.AsyncVectorEnv:
    """Start as many environments, one process each; close them when done.

    They start anew as `BatchEditingEnv` does: an episode's last step returns the next one's first observation.
    """
    from gymnasium.vector import AsyncVectorEnv, AutoresetMode

    make = partial(EditingEnv, tuple(materials), settings, normalizer)
    return AsyncVectorEnv([make] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)


def random_play_normalizer(
    materials: Sequence[Material], settings: EnvironmentSettings, *, seed: int, episodes: int = 16
) -> Normalizer:
    """Fit a normalizer to the states of episodes of random play, on one recording after the other."""
    rng, env, statistics = np.random.default_rng(seed), EditingEnv(materials, settings), RunningStatistics()
    for number in range(episodes):
        state, _ = env.reset(seed=int(rng.integers(2**31)), options={"recording": number % len(materials)})
        states, is_over = [state], False
        while not is_over:
            action = env.masks().sample(rng)
            state, _, ended, truncated, _ = env.step(np.array([action.type, action.size, action.amount]))
            states.append(state)
            is_over = ended or truncated
        statistics.update(np.stack(states))
    return statistics.normalizer()
