"""Several editing episodes side by side, in arrays or in worker processes, behind one interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from editorbot.environment.batch_env import BatchEditingEnv
from editorbot.environment.gym_env import subprocess_envs
from editorbot.environment.masks import BatchMasks
from editorbot.environment.material import Material
from editorbot.environment.settings import EnvironmentSettings
from editorbot.environment.state import Normalizer


@dataclass(frozen=True)
class Observations:
    """What a policy sees of several episodes."""

    states: Float32[np.ndarray, "episodes state"]
    """Normalized states."""
    recording: Int64[np.ndarray, " episodes"]
    """Number of the recording."""
    beat: Int64[np.ndarray, " episodes"]
    """Beat of the recording at the cursor."""
    masks: BatchMasks
    """Allowed actions."""


@dataclass(frozen=True)
class StepResults:
    """Results of a step of several episodes."""

    rewards: Float64[np.ndarray, " episodes"]
    """Reward of the step."""
    is_done: Bool[np.ndarray, " episodes"]
    """Whether the episode ended with this step."""
    components: Mapping[str, Float64[np.ndarray, " episodes"]]
    """Components of the reward, valid only where an episode ended."""


class VecEnv:
    """Editing episodes side by side; arrays are not overwritten by later steps.

    Parameters
    ----------
    materials : sequence of Material
        Recordings.
    count : int
        Episodes side by side.
    settings : EnvironmentSettings
        Actions, windows and reward.
    normalizer : Normalizer
        Of the states.
    group : int
        Episodes side by side that share a recording; divides `count`.
    subprocess : bool
        One process an episode; then all of them share a recording.
    """

    def __init__(
        self,
        materials: Sequence[Material],
        count: int,
        settings: EnvironmentSettings,
        normalizer: Normalizer,
        *,
        group: int = 4,
        subprocess: bool = False,
    ) -> None:
        self.count, self.group = count, count if subprocess else group
        self._last_first = np.maximum([material.beats - settings.window_beats for material in materials], 0)
        self._subprocess, game = subprocess, (materials, count, settings, normalizer)
        self._env: Any = subprocess_envs(*game) if subprocess else BatchEditingEnv(*game, autoreset=False)

    def reset(self, recordings: Int64[np.ndarray, " episodes"], rng: np.random.Generator) -> Observations:
        """Begin an episode on each of these recordings; episodes of a group begin at the same beat."""
        first = np.repeat(rng.integers(self._last_first[recordings[:: self.group]] + 1), self.group)
        options: dict[str, Any] = {"recording": recordings, "first": first}
        if self._subprocess:
            options = {name: int(values[0]) for name, values in options.items()}
        return _observations(*self._env.reset(options=options))

    def step(self, actions: Int64[np.ndarray, "episodes 3"]) -> tuple[Observations, StepResults]:
        """Carry out an action of each episode; episodes that are over take any."""
        states, rewards, terminated, truncated, info = self._env.step(actions)
        final: Mapping[str, Any] = info.get("final_info", {}).get("components", {})
        components = {name: np.asarray(value, np.float64) for name, value in final.items() if not name.startswith("_")}
        is_done = np.asarray(terminated | truncated)
        return _observations(states, info), StepResults(np.asarray(rewards, np.float64), is_done, components)

    def close(self) -> None:
        """End the worker processes."""
        self._env.close()


def _observations(states: np.ndarray, info: Mapping[str, Any]) -> Observations:
    """Read the outputs of a vector environment."""
    recording, beat = (np.asarray(info[name], np.int64) for name in ("recording", "beat"))
    masks = BatchMasks(*(np.asarray(info[f"{name}_mask"], bool) for name in BatchMasks._fields))
    return Observations(np.asarray(states, np.float32), recording, beat, masks)
