"""The games of ``ppo_peers``: editing as both learners can be told of it, and an agent that is an MLP alone.

sb3-contrib's MaskablePPO knows one mask a dimension: sizes and amounts that do not depend on the type. *Whole* is
the whole environment, where it is told what is open for any type. *Cutting* has two types, KEEP and CUT, whose sizes
are open alike; CUT is closed where they are not. There both learners are told exactly the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor, nn

from editorbot.environment.actions import V3
from editorbot.environment.gym_env import EditingEnv
from editorbot.environment.material import Material, material_of
from editorbot.environment.settings import EnvironmentSettings
from editorbot.environment.state import STATE_SIZE, Normalizer, RunningStatistics
from editorbot.models.encoder import Encoded
from editorbot.models.policy import ActionMasks, EditingAgent, PolicyNetwork, ValueNetwork
from editorbot.models.policy_config import PolicyConfig
from editorbot.training.ppo.rollout import Observations, StepResults, VecEnv
from tests.editors.factories import song_analysis

KEEP, CUT = V3.index("KEEP"), V3.index("CUT")
JUNK = ("X", "Y")
"""Sections that are no song."""

Masks = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Types (..., types), sizes (..., types, 5), amounts (..., types, 5)."""


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
        seen: list[np.ndarray] = []
        play(env, number, narrowed, lambda state, masks: drawn(masks, rng), seen)
        statistics.update(np.stack(seen))
    return Game(tuple(materials), narrowed, statistics.normalizer())


def drawn(masks: Masks, rng: np.random.Generator) -> np.ndarray:
    """Return an open action, drawn evenly: a type, a size of it, an amount of it."""
    kind = int(rng.choice(np.flatnonzero(masks[0])))
    return np.array([kind, *(int(rng.choice(np.flatnonzero(part[kind]))) for part in masks[1:])])


def play(
    env: EditingEnv,
    recording: int,
    narrowed: Callable[[Masks], Masks],
    choose: Callable[[np.ndarray, Masks], np.ndarray],
    seen: list[np.ndarray] | None = None,
) -> float:
    """Play an episode; return its reward."""
    state, info = env.reset(seed=0, options={"recording": recording})
    while True:
        if seen is not None:
            seen.append(state)
        state, reward, ended, truncated, info = env.step(choose(state, narrowed(masks_of(info))))
        if ended or truncated:
            return float(reward)


def truthful(material: Material) -> Callable[[np.ndarray, Masks], np.ndarray]:
    """Return a player that keeps the song and cuts the rest, a beat at a time."""
    at = iter(range(material.beats))

    def choose(state: np.ndarray, masks: Masks) -> np.ndarray:
        kept = material.human_kept
        assert kept is not None
        return np.array([KEEP if kept[next(at)] > 0.5 else CUT, 0, 0])

    return choose


def masks_of(info: dict[str, Any]) -> Masks:
    """Return what an environment says is open."""
    return info["type_mask"], info["size_mask"], info["amount_mask"]


class PeerEnv(gymnasium.Wrapper):
    """The single environment as MaskablePPO asks for it: masks by dimension, worked out once a step."""

    def __init__(self, game: Game, paid: list[float]) -> None:
        super().__init__(EditingEnv(game.materials, normalizer=game.normalizer))
        self._narrowed, self._paid = game.narrowed, paid
        self._masks = np.zeros(0, bool)

    def reset(self, **options: Any) -> Any:
        """Begin an episode."""
        state, info = self.env.reset(**options)
        self._masks = by_dimension(self._narrowed(masks_of(info)))
        return state, info

    def step(self, action: Any) -> Any:
        """Carry out an action; note what an episode paid."""
        state, reward, ended, truncated, info = self.env.step(action)
        self._masks = by_dimension(self._narrowed(masks_of(info)))
        if ended or truncated:
            self._paid.append(float(reward))
        return state, reward, ended, truncated, info

    def action_masks(self) -> np.ndarray:
        """Return what is open, types, sizes and amounts end to end, shape=(30,)."""
        return self._masks


def by_dimension(masks: Masks) -> np.ndarray:
    """Return one mask a dimension: what is open for any type, shape=(types + 10,)."""
    return np.concatenate([masks[0], masks[1].any(axis=0), masks[2].any(axis=0)])


class NarrowedVecEnv(VecEnv):
    """The batch environment, with what of its masks counts."""

    def __init__(self, game: Game, count: int) -> None:
        super().__init__(game.materials, count, EnvironmentSettings(), game.normalizer)
        self._narrowed = game.narrowed

    def reset(self, recordings: np.ndarray, rng: np.random.Generator) -> Observations:
        """Begin episodes."""
        return self._seen(super().reset(recordings, rng))

    def step(self, actions: Tensor) -> tuple[Observations, StepResults]:
        """Carry out actions."""
        observations, step_results = super().step(actions)
        return self._seen(observations), step_results

    def _seen(self, observations: Observations) -> Observations:
        kinds, sizes, amounts = self._narrowed(tuple(mask.numpy() for mask in observations.masks))
        return replace(observations, masks=ActionMasks(*map(torch.from_numpy, (kinds, sizes, amounts))))


class MlpConfig(PolicyConfig):
    """The shape of an agent that reads the state alone."""

    @property
    def inputs(self) -> int:
        """Numbers that policy and value network read."""
        return STATE_SIZE


class NoEncoder(nn.Module):
    """An encoder that says nothing of a recording."""

    def forward(self, inputs: Tensor, lengths: list[int]) -> Encoded:
        """Return tables without columns."""
        beats = inputs.new_zeros(len(inputs), 0)
        return Encoded(beats, inputs.new_zeros(len(lengths), 0), inputs.new_zeros(len(inputs)), beats)


class MlpAgent(EditingAgent):
    """The policy and the value network, on the state alone."""

    def __init__(self, hidden: int) -> None:
        nn.Module.__init__(self)
        self.config = MlpConfig(policy_hidden_dim=hidden // 2, natten_n_heads=1)
        self.encoder = NoEncoder()  # type: ignore[assignment]
        self.policy, self.value = PolicyNetwork(self.config), ValueNetwork(self.config)


def with_masks(masks: Masks) -> tuple[Tensor, ...]:
    """Return masks of one moment as tensors of a batch of one."""
    return tuple(torch.from_numpy(part)[None] for part in masks)
