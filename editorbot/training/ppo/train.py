"""Proximal policy optimization (PPO; Schulman et al., 2017) on the rewards of whole edits.

An update reads from top to bottom: play a rollout (`rollout.collect_rollout`), compute returns and advantages
(`advantages`), then take passes of mini-batches over it with the clipped surrogate loss, the value loss and an entropy
bonus, until the KL divergence is too large. Two things are added to the paper: behavioral cloning stays mixed in, and a
falling price on the KL divergence from the cloned policy keeps it near (kickstarting, Schmitt et al., 2018).
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from editorbot.environment.difference_rewards import DifferenceRewards
from editorbot.environment.state import Normalizer
from editorbot.environment.vec_env import VecEnv
from editorbot.errors import NonFiniteError, UsageError
from editorbot.models.checkpoint import Checkpoint
from editorbot.models.policy import ActionDistribution, ActionLogits, AgentOutput, EditingAgent
from editorbot.training.bc.config import NO_AUGMENTATION, BcTraining
from editorbot.training.bc.demonstrations import Demonstration, batch_of, grouped
from editorbot.training.bc.losses import PARTS, Totals, bc_loss
from editorbot.training.bc.train import linear_schedule, rate_share
from editorbot.training.machine import fabric_on
from editorbot.training.policy_watch import type_shares
from editorbot.training.ppo.advantages import discounted_returns, generalized_advantages, leave_one_out, normalized
from editorbot.training.ppo.config import PpoTraining
from editorbot.training.ppo.rollout import RolloutBatch, collect_rollout, encoder_inputs
from editorbot.training.run_folder import cpu_weights

VALUE_LIMIT = 1000.0
"""Returns beyond +- this are clipped for the value network."""


class PolicyLoss(NamedTuple):
    """The clipped surrogate loss, and how far the policy moved; each a scalar."""

    policy_loss: Tensor
    """Mean over the steps."""
    approx_kl: Tensor
    """Estimate of KL(old || new): the mean of ratio - 1 - log ratio."""
    clip_fraction: Tensor
    """Share of the steps whose ratio is beyond the clip range."""


def policy_loss(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, clip_ratio: float) -> PolicyLoss:
    """PPO's clipped surrogate loss; all inputs of shape=(steps,)."""
    log_ratio = log_probs - old_log_probs
    ratio = log_ratio.exp()
    clipped = torch.clamp(ratio, 1 - clip_ratio, 1 + clip_ratio)
    loss = -torch.minimum(ratio * advantages, clipped * advantages).mean()
    clip_fraction = ((ratio - 1).abs() > clip_ratio).to(ratio.dtype).mean()
    return PolicyLoss(loss, (ratio - 1 - log_ratio).mean(), clip_fraction)


def value_loss(values: Tensor, returns: Tensor) -> Tensor:
    """Mean squared error to the returns, which are not normalized but clipped to +-VALUE_LIMIT."""
    return (values - torch.clamp(returns, -VALUE_LIMIT, VALUE_LIMIT)).pow(2).mean()


class PpoRun:
    """A training run: agent, optimizer, random generators, and how many updates are done.

    Parameters
    ----------
    agent, vec_env, inputs, config
        Fresh or cloned networks; episodes; what the encoder reads of each recording; how to train.
    demonstrations, normalizer
        Human edits whose cloning is mixed in, and the normalizer of their states.
    holds_to_start : bool
        Whether to hold the policy near the one that it begins with.
    difference_rewards : DifferenceRewards, optional
        Needed by the baseline ``difference``.
    """

    def __init__(
        self,
        agent: EditingAgent,
        vec_env: VecEnv,
        inputs: Sequence[Tensor],
        config: PpoTraining,
        *,
        demonstrations: Sequence[Demonstration] = (),
        normalizer: Normalizer | None = None,
        holds_to_start: bool = False,
        difference_rewards: DifferenceRewards | None = None,
        device: str = "cpu",
    ) -> None:
        if config.baseline == "difference" and difference_rewards is None:
            raise UsageError("the baseline difference needs the difference rewards of the steps")
        self.agent, self.vec_env, self.inputs = agent, vec_env, inputs
        self.config, self.difference_rewards = config.with_entropy(is_cloned=True), difference_rewards
        self.demonstrations, self.normalizer = list(demonstrations), normalizer or Normalizer.identity()
        self.fabric = fabric_on(device, mixed=config.use_mixed_precision)
        self.reference: EditingAgent | None = None
        if holds_to_start:
            self.reference = copy.deepcopy(agent).eval().requires_grad_(False).to(self.fabric.device)
        optimizer = torch.optim.Adam(agent.parameters(), config.learning_rate, eps=1e-5, fused=True)
        self.module, self.optimizer = self.fabric.setup(agent, optimizer)
        self.generator = torch.Generator(device=self.fabric.device).manual_seed(config.seed)
        self.rng, self.update = np.random.default_rng(config.seed), 0

    def run_update(self) -> dict[str, float]:
        """Play a rollout and learn from it; return all metrics."""
        config, began_s = self.config, time.perf_counter()
        batch, components = collect_rollout(
            self.agent, self.vec_env, self.inputs, config.n_envs * config.n_steps, self.rng, self.generator
        )
        played_s = time.perf_counter()
        metrics = self._learn(batch.to(self.fabric.device))
        learned_s = time.perf_counter()
        self.update += 1
        episodes = int(batch.is_last.sum())
        metrics |= {
            "train/episode_reward": float(batch.rewards.sum()) / episodes,
            "train/episode_steps": len(batch) / episodes,
            "time/rollout": played_s - began_s,
            "time/update": learned_s - played_s - metrics["time/data_sample"],
            "time/steps_per_second": len(batch) / (learned_s - began_s),
        }
        metrics |= {f"reward/{name}": value for name, value in components.items()}
        return metrics | type_shares(batch.actions[:, 0].numpy(), self.agent.config.action_vocabulary.names)

    def _learn(self, batch: RolloutBatch) -> dict[str, float]:
        """Take passes over a rollout; return the means of the metrics."""
        config = self.config
        returns, advantages = self._returns_and_advantages(batch)
        reference = None
        if self.reference is not None:
            with torch.no_grad():
                reference = ActionDistribution(self._forward(self.reference, batch).logits).logits
        began_s = time.perf_counter()
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * rate_share(self.update, config.updates)
        scheduled_s, is_stopped = time.perf_counter() - began_s, False
        steps: list[dict[str, float]] = []
        for _ in range(config.ppo_epochs):
            order = torch.from_numpy(self.rng.permutation(len(batch))).to(returns.device)
            for rows in torch.split(order, config.batch_size):
                steps.append(self._step(batch, rows, returns, advantages, reference))
                is_stopped = is_stopped or steps[-1]["approx_kl"] > 1.5 * config.target_kl
            if is_stopped:
                break
        metrics = {name: float(np.mean([step[name] for step in steps])) for name in sorted(steps[0])}
        metrics["time/data_sample"] = sum(step["time/data_sample"] for step in steps)
        return metrics | {"time/scheduler": scheduled_s, "train/stopped_early": float(is_stopped)}

    @torch.no_grad()
    def _returns_and_advantages(self, batch: RolloutBatch) -> tuple[Tensor, Tensor]:
        """Compute returns and normalized advantages, both of shape=(steps,)."""
        config, device = self.config, batch.rewards.device
        rewards, is_last, episode, recording = (
            part.cpu() for part in (batch.rewards, batch.is_last, batch.episode, batch.recording)
        )
        returns = discounted_returns(rewards, is_last, config.gamma)
        if config.baseline == "gae":
            values = self._forward(self.agent, batch).values.float().cpu()
            advantages = generalized_advantages(rewards, values, is_last, config.gamma, config.gae_lambda)
        elif config.baseline == "difference" and self.difference_rewards is not None:
            steps = (rewards.double(), is_last, recording, batch.beat.cpu(), batch.actions.cpu())
            shared = self.difference_rewards.of(*(part.numpy() for part in steps))
            rest = discounted_returns(torch.from_numpy(shared.rest).float(), is_last, config.gamma)
            advantages = torch.from_numpy(shared.differences).float()
            advantages = advantages + config.rest_weight * leave_one_out(rest, episode, recording)
        else:
            advantages = leave_one_out(returns, episode, recording)
        return returns.to(device), normalized(advantages).to(device)

    def _forward(self, module: Any, batch: RolloutBatch) -> AgentOutput:
        """Run an agent on some steps."""
        joined, lengths, first_row, position = encoder_inputs(self.inputs, batch.recording)
        output: AgentOutput = module(joined, lengths, first_row + batch.beat, position, batch.states, batch.masks)
        return output

    def _step(
        self, batch: RolloutBatch, rows: Tensor, returns: Tensor, advantages: Tensor, reference: ActionLogits | None
    ) -> dict[str, float]:
        """Take one step of the optimizer on a mini-batch; return its metrics."""
        config = self.config
        self.module.eval()  # without dropout: the ratio is 1 before the first step
        self.optimizer.zero_grad()
        metrics: dict[str, float] = {}
        for part in torch.split(rows, math.ceil(len(rows) / config.gradient_accumulation_steps)):
            cloned = None if reference is None else ActionLogits(*(logits[part] for logits in reference))
            loss, measured = self._loss(batch.at(part), returns[part], advantages[part], cloned)
            share = len(part) / len(rows)
            self.fabric.backward(loss * share)
            metrics = {name: metrics.get(name, 0.0) + value * share for name, value in measured.items()}
        metrics |= self._mix_in_demonstrations()
        norm = float(torch.nn.utils.clip_grad_norm_(self.agent.parameters(), config.grad_clip))
        if not math.isfinite(norm):
            raise NonFiniteError(
                f"the gradient is not finite in update {self.update}; the last good state is in latest.pt. Begin a new "
                f"run from it: --checkpoint latest.pt --lr {config.learning_rate / 2:g}"
            )
        self.optimizer.step()
        return metrics | {"train/grad_norm": norm}

    def _loss(
        self, batch: RolloutBatch, returns: Tensor, advantages: Tensor, reference: ActionLogits | None
    ) -> tuple[Tensor, dict[str, float]]:
        """Compute the loss of some steps, a scalar, and its metrics."""
        config = self.config
        output = self._forward(self.module, batch)
        distribution = ActionDistribution(output.logits)
        log_probs = distribution.log_prob(batch.actions)
        surrogate = policy_loss(log_probs, batch.log_probs, advantages, config.clip_ratio)
        values_loss = value_loss(output.values.float(), returns)
        entropy = distribution.entropy().mean() / PARTS
        metrics = {
            "train/policy_loss": surrogate.policy_loss.item(),
            "train/value_loss": values_loss.item(),
            "train/entropy": entropy.item(),
            "approx_kl": surrogate.approx_kl.item(),
            "train/clip_share": surrogate.clip_fraction.item(),
        }
        loss = config.value_loss_coeff * values_loss
        if self.update >= config.value_warmup:
            entropy_coeff = self._scheduled(config.entropy_coeff or 0.0, config.entropy_coeff_end)
            loss = loss + surrogate.policy_loss - entropy_coeff * entropy
        if reference is not None:
            kl = distribution.kl_from(ActionDistribution(reference)).mean()
            metrics["train/kl_to_bc"] = kl.item()
            loss = loss + self._scheduled(config.kl_to_bc, config.kl_to_bc_end) * kl
        return loss, metrics

    def _mix_in_demonstrations(self) -> dict[str, float]:
        """Add the gradient of cloning some demonstrations; return its metrics."""
        if not self.demonstrations:
            return {"time/data_sample": 0.0}
        config, began_s = self.config, time.perf_counter()
        group = grouped(self.demonstrations, config.bc_batch_size, self.rng)[0]
        batch = batch_of(group, self.normalizer, NO_AUGMENTATION, self.rng).to(self.fabric.device)
        sampled_s = time.perf_counter() - began_s
        cloning = BcTraining(bc_entropy_coeff=config.bc_entropy_coeff, tasks=config.tasks)
        by_type = torch.ones(self.agent.config.action_vocabulary.types, device=self.fabric.device)  # all count alike
        loss, metrics = bc_loss(self.module, batch, by_type, cloning, Totals.of([batch], by_type))
        self.fabric.backward(self._scheduled(config.bc_weight, config.bc_weight_end) * loss)
        return {**metrics, "time/data_sample": sampled_s}

    def _scheduled(self, start: float, end: float | None) -> float:
        return linear_schedule(start, end, self.update, self.config.updates)

    def training_state(self) -> dict[str, Any]:
        """What a checkpoint needs to resume, beside the weights."""
        return {
            "update": self.update,
            "reference": {} if self.reference is None else cpu_weights(self.reference),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "numpy_random": json.dumps(self.rng.bit_generator.state),
        }

    def load(self, found: Checkpoint) -> None:
        """Resume from a checkpoint."""
        state = found.training
        self.agent.load_state_dict(dict(found.weights))
        if state["reference"]:
            self.reference = copy.deepcopy(self.agent).eval().requires_grad_(False)
            self.reference.load_state_dict(dict(state["reference"]))
        self.optimizer.load_state_dict(dict(state["optimizer"]))
        self.generator.set_state(state["generator"])
        self.rng.bit_generator.state = json.loads(state["numpy_random"])
        self.update = state["update"]
