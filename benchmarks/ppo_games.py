"""The games of ``ppo_peers``: editing with the encoder, as both learners can play it.

sb3-contrib's MaskablePPO knows one mask a dimension: sizes and amounts that do not depend on the type. The *whole* game
is the whole environment; there it gets what is allowed for any type. The *cutting* game has two types, KEEP and CUT,
with the same sizes allowed; CUT is masked where they differ. There both learners get exactly the same masks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from editorbot.editors.policy_inference.network import beat_inputs
from editorbot.environment.actions import V3
from editorbot.environment.gym_env import EditingEnv
from editorbot.environment.masks import BatchMasks
from editorbot.environment.material import REACH, Material, material_of
from editorbot.environment.settings import EnvironmentSettings
from editorbot.environment.state import Normalizer, RunningStatistics
from editorbot.environment.vec_env import Observations, StepResults, VecEnv
from editorbot.models.policy_config import SCORE_FEATURES
from tests.editors.factories import song_analysis

KEEP, CUT = V3.index("KEEP"), V3.index("CUT")
JUNK = ("X", "Y")
"""Sections that are no song."""

Masks = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Types (..., types), sizes (..., types, 5), amounts (..., types, 5)."""

Choose = Callable[[np.ndarray, dict[str, Any], Masks], np.ndarray]
"""A player: state, info and allowed actions in, an action out."""


def song_recordings(forms: tuple[str, ...], bars: int) -> list[Material]:
    """Return recordings of song and junk, told apart by the loudness of their onsets; the truth keeps the song."""
    made = []
    for seed, form in enumerate(forms):
        analysis = song_analysis(form, bars=bars, seed=seed)
        is_song = np.repeat([letter not in JUNK for letter in form], bars * analysis.beats_per_bar)
        analysis.features[:, 0] += np.where(is_song, 1.0, 0.0)
        worth = is_song.astype(np.float64)
        made.append(material_of(analysis, worth=worth, target_keep_ratio=float(worth.mean()), human_kept=worth))
    return made


def cut_only(masks: Masks) -> Masks:
    """Return masks with KEEP and CUT open alone, CUT where its sizes are those of KEEP."""
    kinds, sizes, amounts = (np.zeros_like(part) for part in masks)
    for each in (KEEP, CUT):
        is_alike = (masks[1][..., each, :] == masks[1][..., KEEP, :]).all(-1)
        kinds[..., each] = masks[0][..., each] & is_alike
        sizes[..., each, :] = masks[1][..., KEEP, :] & kinds[..., each, None]
        amounts[..., each, 0] = kinds[..., each]
    return kinds, sizes, amounts


def all_open(masks: Masks) -> Masks:
    """Return masks as they are."""
    return masks


@dataclass(frozen=True)
class Game:
    """What is played."""

    materials: tuple[Material, ...]
    """Recordings."""
    narrowed: Callable[[Masks], Masks]
    """What of the masks counts."""
    normalizer: Normalizer
    """Of the states."""

    @property
    def encoder_inputs(self) -> list[Tensor]:
        """What the encoder reads of each recording: its features; nothing of a learned score."""
        unknown = [np.zeros((material.beats, SCORE_FEATURES), np.float32) for material in self.materials]
        return [
            torch.from_numpy(beat_inputs(material.padded[REACH:-REACH], score_features, self.normalizer))
            for material, score_features in zip(self.materials, unknown)
        ]


def whole_game() -> Game:
    """Return editing with all types, on recordings of 512 beats."""
    return _game(song_recordings(("AXBY", "XABY", "YABX", "ABXA") * 2, bars=32), all_open)


def cutting_game() -> Game:
    """Return cutting alone, on recordings of 112 beats, about half of them song."""
    forms = ("XABYABX", "AXXBYAB", "XYABXBA", "ABXAYXB", "YXABABX", "AXBXAXB", "XXABBYA", "ABYXYAB")
    return _game(song_recordings(forms, bars=4), cut_only)


def _game(materials: list[Material], narrowed: Callable[[Masks], Masks]) -> Game:
    """Return a game, its normalizer of what a player meets who draws evenly."""
    rng, statistics = np.random.default_rng(0), RunningStatistics()
    env = EditingEnv(materials)
    for number in range(len(materials)):
        states: list[np.ndarray] = []
        play(env, number, narrowed, lambda state, info, masks: drawn(masks, rng), states)
        statistics.update(np.stack(states))
    return Game(tuple(materials), narrowed, statistics.normalizer())


def drawn(masks: Masks, rng: np.random.Generator) -> np.ndarray:
    """Return an open action, drawn evenly: a type, a size of it, an amount of it."""
    kind = int(rng.choice(np.flatnonzero(masks[0])))
    return np.array([kind, *(int(rng.choice(np.flatnonzero(part[kind]))) for part in masks[1:])])


def play(
    env: EditingEnv,
    recording: int,
    narrowed: Callable[[Masks], Masks],
    choose: Choose,
    states: list[np.ndarray] | None = None,
) -> float:
    """Play an episode; return its reward."""
    state, info = env.reset(seed=0, options={"recording": recording})
    while True:
        if states is not None:
            states.append(state)
        state, reward, ended, truncated, info = env.step(choose(state, info, narrowed(masks_of(info))))
        if ended or truncated:
            return float(reward)


def truthful(material: Material) -> Choose:
    """Return a player that keeps the song and cuts the rest, a beat at a time."""
    at = iter(range(material.beats))

    def choose(state: np.ndarray, info: dict[str, Any], masks: Masks) -> np.ndarray:
        kept = material.human_kept
        assert kept is not None
        return np.array([KEEP if kept[next(at)] > 0.5 else CUT, 0, 0])

    return choose


def masks_of(info: dict[str, Any]) -> Masks:
    """Return what an environment says is open."""
    return info["type_mask"], info["size_mask"], info["amount_mask"]


class PeerEnv(gymnasium.Wrapper):
    """The single environment as MaskablePPO needs it: state, recording and beat observed, one mask a dimension."""

    def __init__(self, game: Game, episode_rewards: list[float]) -> None:
        super().__init__(EditingEnv(game.materials, normalizer=game.normalizer))
        number = spaces.Box(0, 1e6, (1,), np.float32)
        states = self.env.observation_space
        self.observation_space = spaces.Dict({"state": states, "recording": number, "beat": number})
        self._narrowed, self._rewards = game.narrowed, episode_rewards
        self._masks = np.zeros(0, bool)

    def reset(self, **options: Any) -> Any:
        """Begin an episode."""
        state, info = self.env.reset(**options)
        return self._seen(state, info), info

    def step(self, action: Any) -> Any:
        """Carry out an action; note the reward of an episode."""
        state, reward, ended, truncated, info = self.env.step(action)
        if ended or truncated:
            self._rewards.append(float(reward))
        return self._seen(state, info), reward, ended, truncated, info

    def action_masks(self) -> np.ndarray:
        """Allowed types, sizes and amounts end to end, shape=(types + 10,)."""
        return self._masks

    def _seen(self, state: np.ndarray, info: dict[str, Any]) -> dict[str, np.ndarray]:
        self._masks = by_dimension(self._narrowed(masks_of(info)))
        return seen(state, info)


def seen(state: np.ndarray, info: dict[str, Any]) -> dict[str, np.ndarray]:
    """Observation of MaskablePPO."""
    numbers = {name: np.array([info[name]], np.float32) for name in ("recording", "beat")}
    return {"state": state, **numbers}


def by_dimension(masks: Masks) -> np.ndarray:
    """One mask a dimension: what is allowed for any type, shape=(types + 10,)."""
    return np.concatenate([masks[0], masks[1].any(axis=0), masks[2].any(axis=0)])


class NarrowedVecEnv(VecEnv):
    """The batch environment with the game's masks."""

    def __init__(self, game: Game, count: int) -> None:
        super().__init__(game.materials, count, EnvironmentSettings(), game.normalizer)
        self._narrowed = game.narrowed

    def reset(self, recordings: np.ndarray, rng: np.random.Generator) -> Observations:
        """Begin episodes."""
        return self._with_masks(super().reset(recordings, rng))

    def step(self, actions: np.ndarray) -> tuple[Observations, StepResults]:
        """Carry out actions."""
        observations, results = super().step(actions)
        return self._with_masks(observations), results

    def _with_masks(self, observations: Observations) -> Observations:
        return replace(observations, masks=BatchMasks(*self._narrowed(observations.masks)))
