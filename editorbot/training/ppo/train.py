"""PPO: the policy learns from what whole episodes are worth (Schulman et al., 2017).

Rewards come at the end of an episode; the mean of the other episodes of the
same recording is the baseline, or the value network by GAE. Cloning stays mixed
in, and the policy is held near the cloned one by a price on the KL divergence
that falls, but never to nothing (kickstarting, Schmitt et al., 2018).
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from editorbot.environment.state import Normalizer
from editorbot.errors import NonFiniteError, UsageError
from editorbot.models.policy import AgentOutput, EditingAgent, MaskTensors, StepChances
from editorbot.models.step_measures import step_measures
from editorbot.training.bc.train import BcTraining, bc_loss, rate_share
from editorbot.training.machine import fabric_on
from editorbot.training.policy_data import NO_VARIATION, Demonstration, batch_of, grouped
from editorbot.training.policy_losses import PARTS, Totals
from editorbot.training.ppo.config import PpoTraining
from editorbot.training.ppo.losses import (
    decayed,
    discounted_returns,
    gae,
    leave_one_out,
    normalized,
    policy_loss,
    type_shares,
    value_loss,
)
from editorbot.training.ppo.rollouts import Recordings, Steps, collect
from editorbot.training.ppo.step_credit import StepCredit
from editorbot.training.ppo.vec_env import VecEnv


@dataclass(frozen=True)
class PpoState:
    """Where a run stands between two updates."""

    update: int
    """Updates done."""
    weights: Mapping[str, Tensor]
    """The networks' weights."""
    reference: Mapping[str, Tensor]
    """The cloned policy's, empty where there is none."""
    optimizer: Mapping[str, Any]
    """The optimizer's."""
    generator: Tensor
    """State of the generator that draws steps."""
    numpy_random: str
    """State of the generator that draws recordings and batches, JSON."""


class PpoRun:
    """The moving parts of a run.

    Parameters
    ----------
    agent : EditingAgent
        Where it begins: fresh, or cloned.
    vec_env : VecEnv
        What is played.
    recordings : Recordings
        What the encoder reads, in the order of the games' recordings.
    config : PpoTraining
        How to train.
    demonstrations : sequence of Demonstration
        Human edits to mix in; none where empty.
    normalizer : Normalizer
        Of the states, the one of cloning.
    holds_to_start : bool
        Whether the policy it begins with is a cloned one that it is held near.
    credit : StepCredit, optional
        What single steps were worth; the baseline ``difference`` needs it.
    device : str
        ``cpu`` or ``cuda``.
    """

    def __init__(
        self,
        agent: EditingAgent,
        vec_env: VecEnv,
        recordings: Recordings,
        config: PpoTraining,
        *,
        demonstrations: Sequence[Demonstration] = (),
        normalizer: Normalizer | None = None,
        holds_to_start: bool = False,
        credit: StepCredit | None = None,
        device: str = "cpu",
    ) -> None:
        if config.baseline == "difference" and credit is None:
            raise UsageError("the baseline difference needs to know what each step was worth")
        self.agent, self.vec_env, self.recordings, self.config = agent, vec_env, recordings, config
        self.credit = credit
        self.demonstrations, self.normalizer = list(demonstrations), normalizer or Normalizer.identity()
        self.fabric = fabric_on(device, mixed=config.use_mixed_precision)
        self.reference = copy.deepcopy(agent).eval().requires_grad_(False) if holds_to_start else None
        optimizer = torch.optim.Adam(agent.parameters(), config.learning_rate, eps=1e-5, fused=True)
        self.module, self.optimizer = self.fabric.setup(agent, optimizer)
        if self.reference is not None:
            self.reference.to(self.fabric.device)
        self.generator = torch.Generator(device=self.fabric.device).manual_seed(config.seed)
        self.rng = np.random.default_rng(config.seed)
        self.by_type = torch.ones(
            agent.config.action_vocabulary.types
        )  # here every sample counts alike: rollouts have all types
        self.update = 0

    def run_update(self) -> dict[str, float]:
        """Play, judge, learn; return everything that is watched."""
        config, started = self.config, time.perf_counter()
        steps = collect(
            self.agent, self.vec_env, self.recordings, config.n_envs * config.n_steps, self.rng, self.generator
        )
        played = time.perf_counter()
        steps = steps.to(self.fabric.device)
        watched = self._learn(steps)
        learned = time.perf_counter()
        self.update += 1
        episodes = int(steps.episode[-1]) + 1
        watched |= {
            "train/episode_reward": float(steps.reward.sum()) / episodes,
            "train/episode_steps": len(steps) / episodes,
            "time/rollout": played - started,
            "time/update": learned - played - watched.get("time/data_sample", 0.0),
            "time/steps_per_second": len(steps) / (learned - started),
        }
        watched |= {f"reward/{name}": value for name, value in steps.components.items()}
        return watched | dict(type_shares(steps.actions.cpu(), self.agent.config.action_vocabulary.names))

    def _learn(self, steps: Steps) -> dict[str, float]:
        """Go over a rollout several times; return the means of what is watched."""
        config = self.config
        returns, advantages = self._judged(steps)
        before = self._reference_chances(steps)
        began = time.perf_counter()
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * rate_share(self.update, config.updates)
        scheduled = time.perf_counter() - began
        told: list[dict[str, float]] = []
        stopped = False
        for _ in range(config.ppo_epochs):
            order = torch.from_numpy(self.rng.permutation(len(steps))).to(returns.device)
            for at in range(0, len(order), config.batch_size):
                told.append(self._step(steps, order[at : at + config.batch_size], returns, advantages, before))
                stopped = stopped or told[-1]["approx_kl"] > 1.5 * config.target_kl
            if stopped:
                break
        names = {name for one in told for name in one}
        means = {name: float(np.mean([one[name] for one in told if name in one])) for name in sorted(names)}
        means["time/data_sample"] = sum(one.get("time/data_sample", 0.0) for one in told)
        return means | {"time/scheduler": scheduled, "train/stopped_early": float(stopped)}

    def _judged(self, steps: Steps) -> tuple[Tensor, Tensor]:
        """Return returns and normalized advantages."""
        config = self.config
        reward, last = steps.reward.cpu(), steps.is_last.cpu()
        returns = discounted_returns(reward, last, config.gamma)
        if config.baseline == "gae":
            advantages = gae(reward, self._expected(steps).cpu(), last, config.gamma, config.gae_lambda)
        elif self.credit is not None and config.baseline == "difference":
            credits = self.credit.of(steps)
            rest = discounted_returns(credits.rest, last, config.gamma)
            shared = leave_one_out(rest, steps.episode.cpu(), steps.recording.cpu())
            advantages = credits.step + config.rest_weight * shared
        else:
            advantages = leave_one_out(returns, steps.episode.cpu(), steps.recording.cpu())
        return returns.to(steps.reward.device), normalized(advantages).to(steps.reward.device)

    @torch.no_grad()
    def _reference_chances(self, steps: Steps) -> StepChances | None:
        """Return what the cloned policy says of every step."""
        if self.reference is None:
            return None
        return StepChances.of(self._said(self.reference, steps, _all(steps), steps.masks).logits)

    @torch.no_grad()
    def _expected(self, steps: Steps) -> Tensor:
        """Return the returns that the value network expects, shape=(steps,)."""
        return self._said(self.agent, steps, _all(steps)).values.float()

    def _said(self, module: Any, steps: Steps, rows: Tensor, masks: MaskTensors | None = None) -> AgentOutput:
        """Return what an agent says of some steps; `masks`, where given, are those of the rows."""
        unique, at = torch.unique(steps.recording[rows], return_inverse=True)
        inputs, lengths, firsts = self.recordings.of(unique.tolist(), rows.device)
        states = steps.states.index_select(0, rows)
        out: AgentOutput = module(inputs, lengths, firsts[at] + steps.beat[rows], at, states, masks)
        return out

    def _step(
        self, steps: Steps, rows: Tensor, returns: Tensor, advantages: Tensor, before: StepChances | None
    ) -> dict[str, float]:
        """Take one step of the optimizer; return what is watched."""
        config = self.config
        self.module.eval()  # what is learned from is what was played: nothing is left out
        self.optimizer.zero_grad()
        watched: dict[str, float] = {}
        size = math.ceil(len(rows) / config.gradient_accumulation_steps)
        for part in torch.split(rows, size):
            out = self._said(self.module, steps, part)
            loss, told = self._loss(out, steps, part, returns, advantages, before)
            share = len(part) / len(rows)
            self.fabric.backward(loss * share)
            for name, value in told.items():
                watched[name] = watched.get(name, 0.0) + value * share
        if self.demonstrations:
            watched |= self._mix_in()
        norm = float(torch.nn.utils.clip_grad_norm_(self.agent.parameters(), config.grad_clip))
        if not math.isfinite(norm):
            raise NonFiniteError(
                f"the gradient is no number in update {self.update}; the last good state is in latest.pt: "
                f"resume it with less than --learning-rate {config.learning_rate:g}"
            )
        self.optimizer.step()
        return watched | {"train/grad_norm": norm}

    def _loss(
        self,
        out: AgentOutput,
        steps: Steps,
        rows: Tensor,
        returns: Tensor,
        advantages: Tensor,
        before: StepChances | None,
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of some steps, a scalar, and what is watched."""
        config = self.config
        logits = type(out.logits)(*(part.float() for part in out.logits))
        # By brackets, choosing rows takes some times as long.
        actions, log_prob, gained, paid, *masks = (
            part.index_select(0, rows) for part in (steps.actions, steps.log_prob, advantages, returns, *steps.masks)
        )
        measured = step_measures(logits, MaskTensors(*masks), actions, None if before is None else before.at(rows))
        moved = policy_loss(measured.log_prob, log_prob, gained, config.clip_ratio)
        entropy = measured.entropy.mean() / PARTS
        valued = value_loss(out.values.float(), paid)
        told = {
            "train/policy_loss": moved.loss.item(),
            "train/value_loss": valued.item(),
            "train/entropy": entropy.item(),
            "approx_kl": moved.approx_kl.item(),
            "train/clip_share": moved.clip_share.item(),
        }
        loss = config.value_loss_coeff * valued
        if self.update >= config.value_warmup:
            loss = loss + moved.loss - self._between(config.entropy_coeff, config.entropy_coeff_end) * entropy
        if before is not None:
            away = measured.kl.mean()
            told["train/kl_to_bc"] = away.item()
            loss = loss + self._between(config.kl_to_bc, config.kl_to_bc_end) * away
        return loss, told

    def _mix_in(self) -> dict[str, float]:
        """Add the gradient of cloning some samples; return what is watched."""
        config, began = self.config, time.perf_counter()
        weight = self._between(config.bc_weight, config.bc_weight_end)
        group = grouped(self.demonstrations, config.bc_batch_size, self.rng)[0]
        batch = batch_of(group, self.normalizer, NO_VARIATION, self.rng).to(self.fabric.device)
        sampled = time.perf_counter() - began
        cloning = BcTraining(bc_entropy_coeff=config.bc_entropy_coeff, tasks=config.tasks)
        totals = Totals.of([batch], self.by_type.to(batch.states.device))
        loss, told = bc_loss(self.module, batch, self.by_type, cloning, totals)
        self.fabric.backward(weight * loss)
        return {**told, "time/data_sample": sampled}

    def _between(self, start: float, end: float | None) -> float:
        return start if end is None else decayed(start, end, self.update, self.config.updates)

    def state(self) -> PpoState:
        """Return where the run stands."""
        reference = {} if self.reference is None else _copied(self.reference)
        random = json.dumps(self.rng.bit_generator.state)
        optimizer = copy.deepcopy(self.optimizer.state_dict())  # the run writes into these tensors as it goes on
        return PpoState(self.update, _copied(self.agent), reference, optimizer, self.generator.get_state(), random)

    def go_to(self, state: PpoState) -> None:
        """Stand where a state says."""
        self.agent.load_state_dict(dict(state.weights))
        if state.reference:
            self.reference = copy.deepcopy(self.agent).eval().requires_grad_(False)
            self.reference.load_state_dict(dict(state.reference))
        self.optimizer.load_state_dict(dict(state.optimizer))
        self.generator.set_state(state.generator)
        self.rng.bit_generator.state = json.loads(state.numpy_random)
        self.update = state.update


def train_ppo(run: PpoRun, *, on_update: Callable[[PpoRun, dict[str, float]], None] | None = None) -> None:
    """Train to the end of the run's updates; `on_update` is told what was measured."""
    while run.update < run.config.updates:
        metrics = run.run_update()
        if on_update is not None:
            on_update(run, metrics)


def _all(steps: Steps) -> Tensor:
    return torch.arange(len(steps), device=steps.actions.device)


def _copied(agent: EditingAgent) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in agent.state_dict().items()}
