"""Editing many recordings at once: hundreds of episodes in compiled loops.

`BatchEditingEnv` has the same rules as `EditingEnv` and returns the same: states, masks, places, and at an episode's
end every component of its reward. It is a `gymnasium.vector.VectorEnv` with `AutoresetMode.SAME_STEP`: the step that
ends an episode returns the next one's first observation, and the last one of the old episode as ``info["final_obs"]``.

``info`` holds, one row an episode: ``recording``, ``beat`` (of the recording, at the cursor), ``cursor`` (in the
window), ``type_mask`` (episodes, types), ``size_mask`` and ``amount_mask`` (episodes, types, 5). Where an episode has
ended, also ``final_obs`` (episodes, state) and ``final_info`` with ``recording``, ``beat``, ``cursor`` and
``components`` (name -> (episodes,)); ``_final_obs`` and ``_final_info`` tell which rows are valid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from jaxtyping import Bool, Float32, Float64, Int64

from editorbot.environment import batch_episodes
from editorbot.environment.gym_env import checked, observation_space
from editorbot.environment.masks import BatchMasks, mask_all, sample_allowed
from editorbot.environment.material import Material
from editorbot.environment.packed import pack
from editorbot.environment.reward import judge_all
from editorbot.environment.settings import COMPONENTS, EnvironmentSettings
from editorbot.environment.state import STATE_SIZE, Normalizer, observe
from editorbot.errors import UsageError

Info = dict[str, Any]
_OPTIONS = ("recording", "first", "reset_mask")


class BatchEditingEnv(VectorEnv[Float32[np.ndarray, "episodes state"], np.ndarray, np.ndarray]):
    """Editing as an environment for many learners in step.

    Parameters
    ----------
    materials : sequence of Material
        Recordings; each episode is played on one drawn at random.
    num_envs : int
        Episodes side by side.
    settings : EnvironmentSettings, optional
        The default's where left out.
    normalizer : Normalizer, optional
        Observations are raw without one.
    autoreset : bool
        Whether an episode that has ended begins anew at once. Otherwise it stays at its end, without further reward,
        whatever its actions (`AutoresetMode.DISABLED`), until ``reset(options={"reset_mask": ...})``.
    copy : bool
        Whether each step returns new arrays. Otherwise the next step overwrites observations and masks.
    threads : int
        Threads that share the episodes; worth it from a few hundred episodes on. Results do not depend on it.

    Raises
    ------
    UsageError
        If there is no recording, or no episode.
    NonFiniteError
        If a feature is not finite; names file, beat and feature.
    """

    def __init__(
        self,
        materials: Sequence[Material],
        num_envs: int,
        settings: EnvironmentSettings | None = None,
        normalizer: Normalizer | None = None,
        *,
        autoreset: bool = True,
        copy: bool = True,
        threads: int = 1,
    ) -> None:
        if num_envs < 1 or threads < 1:
            raise UsageError(f"num_envs and threads must be at least 1, but are {num_envs} and {threads}")
        settings = settings or EnvironmentSettings()
        self._materials = checked(materials)
        self._settings, self._copy, self._autoreset = settings, copy, autoreset
        self.vocabulary = settings.action_vocabulary
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP if autoreset else AutoresetMode.DISABLED}
        self.single_observation_space = observation_space(normalizer)
        self.single_action_space = spaces.MultiDiscrete(list(self.vocabulary.shape))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._recordings = pack(self._materials)
        self._weights = settings.reward.vector
        self._last_firsts = np.maximum(self._recordings.beats - settings.window_beats, 0)
        window = int(min(settings.window_beats, self._recordings.beats.max()))
        types = self.vocabulary.types
        self._episodes = batch_episodes.Episodes.empty(num_envs, window, types)
        self._masks = BatchMasks.empty(num_envs, types)
        self._states = np.zeros((num_envs, STATE_SIZE), dtype=np.float32)
        self._final_states = np.zeros((num_envs, STATE_SIZE), dtype=np.float32)
        self._components = np.zeros((num_envs, len(COMPONENTS)))
        self._all_episodes = np.arange(num_envs)
        bounds = [int(bound) for bound in np.linspace(0, num_envs, min(threads, num_envs) + 1)]
        self._shares = list(zip(bounds, bounds[1:]))
        self._pool = ThreadPoolExecutor(len(self._shares)) if len(self._shares) > 1 else None
        scale = normalizer or Normalizer.identity()
        self._mean, self._scale, self._is_normalized = scale.mean_array, scale.scale_array, normalizer is not None

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32[np.ndarray, "episodes state"], Info]:
        """Begin episodes.

        Parameters
        ----------
        seed : int, optional
            Of the draws of recordings and windows from here on.
        options : dict, optional
            ``recording`` (number or (episodes,)), ``first`` (beat where the window begins, or (episodes,)), each in
            place of draws; ``reset_mask`` (episodes,): which episodes begin anew, all by default.
        """
        if isinstance(seed, list):
            raise UsageError("the batch environment draws from one generator; give one seed, not a list")
        super().reset(seed=seed)
        chosen = options or {}
        if unknown := sorted(set(chosen) - set(_OPTIONS)):
            raise UsageError(f"reset has no option {unknown[0]!r}; it has {', '.join(_OPTIONS)}")
        mask = np.asarray(chosen.get("reset_mask", np.ones(self.num_envs, dtype=bool)))
        if mask.shape != (self.num_envs,) or mask.dtype != bool:
            raise UsageError(f"reset_mask must hold {self.num_envs} truth values, but is {mask.dtype} {mask.shape}")
        self._begin(np.flatnonzero(mask), chosen.get("recording"), chosen.get("first"))
        return self._observations(), self._info()

    def step(
        self, actions: np.ndarray
    ) -> tuple[
        Float32[np.ndarray, "episodes state"],
        Float64[np.ndarray, " episodes"],
        Bool[np.ndarray, " episodes"],
        Bool[np.ndarray, " episodes"],
        Info,
    ]:
        """Carry out one action of every episode; those that had ended stay as they are.

        Parameters
        ----------
        actions : np.ndarray, shape=(episodes, 3)
            Type, size and amount of each, integers.

        Raises
        ------
        UsageError
            If an index is outside the vocabulary.
        """
        actions = np.ascontiguousarray(actions, dtype=np.int64)
        self._check(actions)
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.empty(self.num_envs, dtype=bool), np.empty(self.num_envs, dtype=bool)
        game, ends = (self._recordings, self.vocabulary.arrays), (terminated, truncated)
        self._share(lambda low, high: batch_episodes.step_all(low, high, actions, *game, self._episodes, *ends))
        ended = np.flatnonzero(terminated | truncated)
        if not len(ended):
            return self._observations(), rewards, terminated, truncated, self._info()
        self._share(
            lambda low, high: judge_all(
                low, high, *game, self._weights, self._episodes, *ends, rewards, self._components
            )
        )
        final = self._final(ended)
        if self._autoreset:
            self._begin(ended)
        return self._observations(), rewards, terminated, truncated, self._info() | final

    def sample_actions(self, rng: np.random.Generator) -> Int64[np.ndarray, "episodes 3"]:
        """Sample an allowed action for each episode, uniformly: a type, a size of it, an amount of it."""
        actions = np.empty((self.num_envs, 3), dtype=np.int64)
        sample_allowed(self._masks, rng.random((self.num_envs, 3)), actions)
        return actions

    def _check(self, actions: Int64[np.ndarray, "rows columns"]) -> None:
        if actions.shape != (self.num_envs, 3):
            raise UsageError(f"actions must have shape ({self.num_envs}, 3), but have {actions.shape}")
        shape = self.vocabulary.shape
        wrong = ((actions < 0) | (actions >= shape)).any(axis=1)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise UsageError(f"action {actions[at].tolist()} of episode {at} is outside the space {list(shape)}")

    def _begin(self, which: Int64[np.ndarray, " some"], recording: Any = None, first: Any = None) -> None:
        """Begin episodes on recordings and at beats given or drawn."""
        count, rng = len(which), self.np_random
        chosen = rng.integers(len(self._materials), size=count) if recording is None else self._given(recording, which)
        if chosen.size and not (chosen.min() >= 0 and chosen.max() < len(self._materials)):
            raise UsageError(f"recordings count from 0 to {len(self._materials) - 1}, but {chosen.tolist()} were asked")
        last = self._last_firsts[chosen]
        firsts = rng.integers(last + 1) if first is None else self._given(first, which)
        if (firsts < 0).any() or (firsts > np.maximum(self._recordings.beats[chosen] - 2, 0)).any():
            raise UsageError(f"a window cannot begin at beats {firsts.tolist()}; two beats must follow")
        beats = np.minimum(self._settings.window_beats, self._recordings.beats[chosen] - firsts)
        windows = zip(chosen.tolist(), firsts.tolist(), (firsts + beats).tolist())
        targets = np.array([self._materials[k].window_target(begin, end) for k, begin, end in windows], np.float64)
        batch_episodes.begin(which, chosen, firsts, beats, targets, self._episodes)

    def _given(self, numbers: Any, which: Int64[np.ndarray, " some"]) -> Int64[np.ndarray, " some"]:
        return np.broadcast_to(np.asarray(numbers, dtype=np.int64), (self.num_envs,))[which]

    def _observations(self) -> Float32[np.ndarray, "episodes state"]:
        """Write and return the states, and write the masks."""
        self._share(self._write)
        return self._states.copy() if self._copy else self._states

    def _write(self, low: int, high: int) -> None:
        """Write states and masks of some episodes."""
        self._observe(self._all_episodes[low:high], self._states)
        limit = self._settings.max_loops
        mask_all(low, high, self._recordings, self.vocabulary.arrays, limit, self._episodes, self._masks)

    def _observe(self, which: Int64[np.ndarray, " some"], out: Float32[np.ndarray, "episodes state"]) -> None:
        scale = (self._mean, self._scale, self._is_normalized)
        observe(which, self._recordings, self.vocabulary.arrays, self._episodes, *scale, out)

    def _share(self, work: Callable[[int, int], None]) -> None:
        """Run a kernel on all episodes, each thread on its share of them."""
        if self._pool is None:
            work(0, self.num_envs)
        else:
            for done in [self._pool.submit(work, low, high) for low, high in self._shares]:
                done.result()

    def close_extras(self, **kwargs: Any) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def _places(self) -> Info:
        episodes = self._episodes
        return {
            "recording": episodes.recording.copy(),
            "beat": episodes.first + episodes.cursor,
            "cursor": episodes.cursor.copy(),
        }

    def _info(self) -> Info:
        masks = [mask.copy() for mask in self._masks] if self._copy else self._masks
        return self._places() | dict(zip(("type_mask", "size_mask", "amount_mask"), masks))

    def _final(self, ended: Int64[np.ndarray, " ended"]) -> Info:
        """Info of episodes that have just ended."""
        self._observe(ended, self._final_states)
        is_valid = np.zeros(self.num_envs, dtype=bool)
        is_valid[ended] = True
        components = dict(zip(COMPONENTS, self._components.T.copy()))
        return {
            "final_obs": self._final_states.copy() if self._copy else self._final_states,
            "final_info": self._places() | {"components": components},
            "_final_obs": is_valid,
            "_final_info": is_valid.copy(),
        }
