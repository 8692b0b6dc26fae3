"""Editing many recordings at once: hundreds of episodes in compiled loops.

`BatchEditingEnv` plays by the same rules as `EditingEnv`, step by step, and hands out the same: states of 861
numbers, masks, places, and at an episode's end every component of its reward. It is a `gymnasium.vector.VectorEnv`
with `AutoresetMode.SAME_STEP`: the step that ends an episode hands out the next one's first observation, and the last
one of the old episode as ``info["final_obs"]``.

``info`` holds, one row an episode: ``recording``, ``beat`` (of the recording, at the cursor), ``cursor`` (in the
window), ``type_mask`` (episodes, types), ``size_mask`` and ``amount_mask`` (episodes, types, 5). Where an episode has
ended, also ``final_obs`` (episodes, 861) and ``final_info`` with ``recording``, ``beat``, ``cursor`` and
``components`` (name -> (episodes,)); ``_final_obs`` and ``_final_info`` tell which rows are meant.
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

from editorbot.environment import batch_dynamics, batch_episodes, batch_masks, batch_state
from editorbot.environment.gym_env import checked, observation_space
from editorbot.environment.material import Material
from editorbot.environment.packed import pack
from editorbot.environment.reward import packed_vocabulary_of
from editorbot.environment.reward_kernels import COMPONENTS
from editorbot.environment.settings import EnvironmentSettings
from editorbot.environment.state import STATE_SIZE, Normalizer
from editorbot.errors import UsageError

Info = dict[str, Any]
_OPTIONS = ("recording", "first", "reset_mask")


class BatchEditingEnv(VectorEnv[Float32[np.ndarray, "episodes 861"], np.ndarray, np.ndarray]):
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
        Whether what has ended begins anew at once. Otherwise it stays at its end, paid once, whatever its actions
        (`AutoresetMode.DISABLED`), until ``reset(options={"reset_mask": ...})``.
    copy : bool
        Whether each step hands out arrays of its own. Otherwise the next step overwrites observations and masks.
    threads : int
        Threads that share the episodes; they pay off from a few hundred episodes on. Results don't depend on it.

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
        self._recordings, self._words = pack(self._materials), packed_vocabulary_of(self.vocabulary)
        self._weights = settings.reward.vector
        self._last_firsts = np.maximum(self._recordings.beats - settings.window_beats, 0)
        window = int(min(settings.window_beats, self._recordings.beats.max()))
        types = self.vocabulary.types
        self._episodes = batch_episodes.room_for(num_envs, window, types)
        self._masks = batch_masks.MaskRoom(
            np.zeros((num_envs, types), dtype=bool),
            np.zeros((num_envs, types, 5), dtype=bool),
            np.zeros((num_envs, types, 5), dtype=bool),
        )
        self._states = np.zeros((num_envs, STATE_SIZE), dtype=np.float32)
        self._final_states = np.zeros((num_envs, STATE_SIZE), dtype=np.float32)
        self._components = np.zeros((num_envs, len(COMPONENTS)))
        self._everyone = np.arange(num_envs)
        bounds = [int(bound) for bound in np.linspace(0, num_envs, min(threads, num_envs) + 1)]
        self._shares = list(zip(bounds, bounds[1:]))
        self._pool = ThreadPoolExecutor(len(self._shares)) if len(self._shares) > 1 else None
        shape = normalizer or Normalizer.identity()
        self._mean, self._scale, self._is_normalized = shape.mean_array, shape.scale_array, normalizer is not None

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32[np.ndarray, "episodes 861"], Info]:
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
        return self._seen(), self._info()

    def step(
        self, actions: np.ndarray
    ) -> tuple[
        Float32[np.ndarray, "episodes 861"],
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
        was_done = self._episodes.is_done.copy()
        rewards = np.empty(self.num_envs)
        terminated, truncated = np.empty(self.num_envs, dtype=bool), np.empty(self.num_envs, dtype=bool)
        paid = (rewards, terminated, truncated, self._components)
        shape = (self._recordings, self._words, self._weights, self._episodes)
        self._share(lambda low, high: batch_dynamics.step_all(low, high, actions, *shape, *paid))
        ended = np.flatnonzero(self._episodes.is_done & ~was_done)
        final = self._final(ended) if len(ended) else {}
        if len(ended) and self._autoreset:
            self._begin(ended)
        return self._seen(), rewards, terminated, truncated, self._info() | final

    def sample_open(self, rng: np.random.Generator) -> Int64[np.ndarray, "episodes 3"]:
        """Return one open action for each episode, drawn evenly: a type, a size of it, an amount of it."""
        actions = np.empty((self.num_envs, 3), dtype=np.int64)
        batch_masks.draw_open(self._masks, rng.random((self.num_envs, 3)), actions)
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
        window = self._settings.window_beats
        batch_episodes.begin(which, chosen, firsts, window, self._recordings, self._episodes)

    def _given(self, numbers: Any, which: Int64[np.ndarray, " some"]) -> Int64[np.ndarray, " some"]:
        return np.broadcast_to(np.asarray(numbers, dtype=np.int64), (self.num_envs,))[which]

    def _seen(self) -> Float32[np.ndarray, "episodes 861"]:
        """Return what is seen now, and write the masks."""
        self._share(self._see)
        return self._states.copy() if self._copy else self._states

    def _see(self, low: int, high: int) -> None:
        """Write states and masks of some episodes."""
        limit = self._settings.max_loops
        self._observe(self._everyone[low:high], self._states)
        batch_masks.mask_all(low, high, self._recordings, self._words, limit, self._episodes, self._masks)

    def _observe(self, which: Int64[np.ndarray, " some"], out: Float32[np.ndarray, "episodes 861"]) -> None:
        shape = (self._mean, self._scale, self._is_normalized)
        batch_state.observe(which, self._recordings, self._words, self._episodes, *shape, out)

    def _share(self, work: Callable[[int, int], None]) -> None:
        """Do something to all episodes, each thread to its share of them."""
        if self._pool is None:
            work(0, self.num_envs)
        else:
            for done in [self._pool.submit(work, low, high) for low, high in self._shares]:
                done.result()

    def close_extras(self, **kwargs: Any) -> None:
        """Let the threads go."""
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
        """Return what is told of episodes that have just ended."""
        self._observe(ended, self._final_states)
        is_meant = np.zeros(self.num_envs, dtype=bool)
        is_meant[ended] = True
        components = dict(zip(COMPONENTS, self._components.T.copy()))
        return {
            "final_obs": self._final_states.copy() if self._copy else self._final_states,
            "final_info": self._places() | {"components": components},
            "_final_obs": is_meant,
            "_final_info": is_meant.copy(),
        }
