"""Games that PPO plays: several episodes of editing side by side, in arrays or in processes of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from editorbot.environment.material import Material
from editorbot.environment.settings import EnvironmentSettings
from editorbot.environment.state import Normalizer


@dataclass(frozen=True)
class Observations:
    """Where several episodes stand."""

    states: Float32[np.ndarray, "episodes 861"]
    """Normalized states."""
    recording: Int64[np.ndarray, " episodes"]
    """Number of the recording."""
    beat: Int64[np.ndarray, " episodes"]
    """Beat of the recording at the cursor."""
    type_mask: Bool[np.ndarray, "episodes types"]
    """Open types."""
    size_mask: Bool[np.ndarray, "episodes types 5"]
    """Open sizes."""
    amount_mask: Bool[np.ndarray, "episodes types 5"]
    """Open amounts."""


@dataclass(frozen=True)
class StepResults:
    """What a step of several episodes came to."""

    rewards: Float64[np.ndarray, " episodes"]
    """Rewards."""
    is_done: Bool[np.ndarray, " episodes"]
    """Whether the episode ended with it."""
    components: Mapping[str, Float64[np.ndarray, " episodes"]]
    """Components of the reward, meant only where an episode ended."""


@runtime_checkable
class VecEnv(Protocol):
    """Several episodes side by side; what they hand out stays as it is."""

    @property
    def count(self) -> int:
        """Episodes side by side."""

    @property
    def group(self) -> int:
        """Episodes of a wave that have to be on one recording; divides `count`."""

    def begin(self, recordings: Int64[np.ndarray, " episodes"], rng: np.random.Generator) -> Observations:
        """Begin an episode on each of these recordings."""

    def step(self, actions: Int64[np.ndarray, "episodes 3"]) -> tuple[Observations, StepResults]:
        """Carry out an action of each episode; those that are over take any."""

    def close(self) -> None:
        """Let go of processes."""


class EditingVecEnv:
    """Episodes of editing, in arrays or in worker processes.

    Parameters
    ----------
    materials : sequence of Material
        Recordings.
    count : int
        Episodes side by side.
    settings : EnvironmentSettings
        How they are played and paid.
    normalizer : Normalizer
        Of the states; the one of cloning.
    group : int
        Episodes of a wave on one recording; divides `count`.
    subprocess : bool
        Whether each episode is played in a process of its own. Then a wave is on one recording.
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
        self._beats = np.array([material.beats for material in materials])
        self._window = settings.window_beats
        self._subprocess = subprocess
        self._count, self._group = count, count if subprocess else group
        self._env: Any
        if subprocess:
            from editorbot.environment.gym_env import subprocess_envs

            self._env = subprocess_envs(materials, count, settings, normalizer)
        else:
            from editorbot.environment.batch_env import BatchEditingEnv

            self._env = BatchEditingEnv(materials, count, settings, normalizer, autoreset=False)

    @property
    def count(self) -> int:
        """Episodes side by side."""
        return self._count

    @property
    def group(self) -> int:
        """Episodes of a wave on one recording."""
        return self._group

    def begin(self, recordings: Int64[np.ndarray, " episodes"], rng: np.random.Generator) -> Observations:
        """Begin an episode on each of these recordings; episodes of one group begin at one beat."""
        spare = np.maximum(self._beats[recordings[:: self._group]] - self._window, 0)
        first = np.repeat(rng.integers(spare + 1), self._group)
        if self._subprocess:
            states, info = self._env.reset(options={"recording": int(recordings[0]), "first": int(first[0])})
        else:
            states, info = self._env.reset(options={"recording": recordings, "first": first})
        return observations_of(states, info)

    def step(self, actions: Int64[np.ndarray, "episodes 3"]) -> tuple[Observations, StepResults]:
        """Carry out an action of each episode."""
        states, rewards, terminated, truncated, info = self._env.step(actions)
        ended = np.asarray(terminated | truncated)
        told: Mapping[str, Any] = info.get("final_info", {}).get("components", {})
        components = {name: np.asarray(value, np.float64) for name, value in told.items() if not name.startswith("_")}
        return observations_of(states, info), StepResults(np.asarray(rewards, np.float64), ended, components)

    def close(self) -> None:
        """Let go of processes."""
        self._env.close()


def observations_of(states: np.ndarray, info: Mapping[str, Any]) -> Observations:
    """Return what a vector environment hands out."""
    return Observations(
        np.asarray(states, np.float32),
        np.asarray(info["recording"], np.int64),
        np.asarray(info["beat"], np.int64),
        np.asarray(info["type_mask"], bool),
        np.asarray(info["size_mask"], bool),
        np.asarray(info["amount_mask"], bool),
    )
