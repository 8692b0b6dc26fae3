"""The one way to run a training: where it resumes, what it keeps, how it is logged, what it ships.

A run's folder holds ``latest.pt``, to resume from, and ``best.pt``, the best epoch so far, to use. The loop is each
method's own; it reads like this::

    folder = RunFolder(header, save, log=log, on_line=on_line, score_of=lambda metrics: -metrics["val/loss"])
    found = folder.resume(config.resume)        # None: the run begins
    with folder:                                # closes TensorBoard
        for epoch in range(found.step if found else 0, epochs):
            metrics = train_epoch(...)
            folder.keep(epoch + 1, metrics, weights=network.state_dict(), training=state)
            if folder.should_stop:
                break
    best = folder.best()
    write_weights(save / "name.safetensors", arrays_of(best.weights), {"format": ..., **card_of(header, ...)})

A run that is broken off and resumed ends, on a CPU, with the weights of an unbroken run, bit for bit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from editorbot import __version__
from editorbot.config import plain_data as plain_data
from editorbot.errors import MismatchError, NonFiniteError
from editorbot.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from editorbot.weights import Tensors

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter

CHOSEN_ON = "chosen_on"
"""Part of a configuration that holds the digest of the validation data."""

OnLine = Callable[[str], None]
"""Takes a line for the user."""

SHOWN = 60
"""Longest value in a refusal [characters]."""


def silent(line: str) -> None:
    """Print nothing."""


@dataclass(frozen=True)
class RunHeader:
    """What all checkpoints of a run have in common; a run resumes only from one that has the same."""

    method: str
    """``scored``, ``bc``, ``ppo``, ``pointer``, ``reconstruct``, ``mel2mel`` or ``beats``."""
    config: Mapping[str, Any]
    """Network, training and inputs, as :func:`plain_data` gives them."""
    data: str
    """Digest of what is learned from."""
    seed: int = 0
    """The run's seed."""
    vocabulary: str = ""
    """Actions or classes."""
    features: str = ""
    """Digest or version of the inputs."""
    compared: tuple[str, ...] = field(default=(), kw_only=True)
    """Parts of `config` that must stay the same; all of them by default."""

    def difference(self, found: Checkpoint) -> str:
        """Name the first thing that a checkpoint has otherwise; empty text if it is this run's."""
        theirs, mine = plain_data(dict(found.config)), self.config
        names = dict.fromkeys(self.compared or [*mine, *theirs])
        places = (_first_difference(theirs.get(name), mine.get(name), name) for name in names if name != CHOSEN_ON)
        for place, there, here in filter(None, places):
            return f"it was trained with {place} {_short(there)}, but {_short(here)} is asked; resume as it began"
        if found.data != self.data:
            return f"it was trained on other data, or the data has changed: {found.data} then, {self.data} now"
        if found.features != self.features:
            return f"it was trained on {found.features}, but this version reads {self.features}; train it again"
        if theirs.get(CHOSEN_ON) != mine.get(CHOSEN_ON):
            return "its best epoch was chosen on other validation data, or that data has changed"
        return ""


def _first_difference(theirs: Any, mine: Any, place: str) -> tuple[str, Any, Any] | None:
    """Name the first place where two pieces of plain data differ, and both values."""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        inner: Iterable[Any] = dict.fromkeys([*mine, *theirs])
        found = (_first_difference(theirs.get(key), mine.get(key), f"{place}.{key}") for key in inner)
    elif isinstance(theirs, list) and isinstance(mine, list) and len(theirs) == len(mine):
        pairs = enumerate(zip(theirs, mine))
        found = (_first_difference(one, other, f"{place}[{number}]") for number, (one, other) in pairs)
    else:
        return None if theirs == mine else (place, theirs, mine)
    return next((each for each in found if each is not None), None)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


class RunFolder:
    """Keeps a run: resumes it, writes ``latest.pt`` and ``best.pt``, logs to TensorBoard.

    Parameters
    ----------
    header : RunHeader
        What its checkpoints say of it.
    save : Path
        Folder of the checkpoints.
    log : Path, optional
        Folder for TensorBoard; nothing is logged without one.
    on_line : callable
        Takes a line after each epoch.
    score_of : callable, optional
        By which metric the best epoch is chosen, higher is better, -inf where it was not measured. Without it no
        ``best.pt`` is kept.
    patience : int
        Epochs without a better one after which the run should stop; 0 for never.
    automatic : bool
        Whether a run that is started again resumes from its own ``latest.pt`` without being asked to.
    title : str
        What a step is called in lines: ``epoch`` or ``update``.
    """

    def __init__(
        self,
        header: RunHeader,
        save: Path,
        *,
        log: Path | None = None,
        on_line: OnLine = silent,
        score_of: Callable[[Mapping[str, float]], float] | None = None,
        patience: int = 0,
        automatic: bool = False,
        title: str = "epoch",
    ) -> None:
        self.header, self.save, self.log, self.on_line = header, save, log, on_line
        self.score_of, self.patience, self.automatic, self.title = score_of, patience, automatic, title
        self.best_path, self.latest_path = save / "best.pt", save / "latest.pt"
        self.best_score, self.best_step, self.step = -math.inf, 0, 0
        self._writer: SummaryWriter | None = None

    def resume(self, named: Path | None = None) -> Checkpoint | None:
        """Find where the run resumes; None where it begins.

        An `automatic` run takes its own ``latest.pt`` if none is named and that is of the same run.

        Raises
        ------
        MismatchError
            If the named checkpoint is of another run, or only to be used, or the ``best.pt`` beside it is another's.
        """
        if named is None and not (self.automatic and self.latest_path.is_file()):
            return None
        path = named or self.latest_path
        found = load_checkpoint(path, method=self.header.method, vocabulary=self.header.vocabulary)
        if named is None and self.header.difference(found):
            return None
        self._refuse_other_run(found, path)
        if not found.training:
            raise MismatchError("it holds no state to resume from; name a latest.pt", path=path)
        self._take_best_beside(path)
        self.step = found.step
        return found

    def _refuse_other_run(self, found: Checkpoint, path: Path) -> None:
        if difference := self.header.difference(found):
            raise MismatchError(difference, path=path)

    def _take_best_beside(self, resumed: Path) -> None:
        """Begin with the best epoch that the run had when it was broken off, wherever that was kept."""
        path = resumed.with_name("best.pt")
        if self.score_of is None or not path.is_file():
            return
        best = load_checkpoint(path, method=self.header.method)
        self._refuse_other_run(best, path)
        self.best_score, self.best_step = self.score_of(best.metrics), best.step
        if path.resolve() != self.best_path.resolve():
            save_checkpoint(best, self.best_path)

    def keep(
        self,
        step: int,
        metrics: Mapping[str, float],
        *,
        weights: Mapping[str, Tensor],
        training: Mapping[str, Any],
        score: float | None = None,
        shown: Iterable[str] | None = None,
    ) -> None:
        """Log an epoch or update, write ``best.pt`` if it is the best so far, and ``latest.pt``.

        Parameters
        ----------
        step : int
            Epochs or updates done.
        metrics : mapping
            By TensorBoard's names.
        weights : mapping
            The network as it is used.
        training : mapping
            What resuming needs beside: optimizer, schedule, random states.
        score : float, optional
            How good it is, in place of what `score_of` says.
        shown : iterable of str, optional
            Metrics in the line; all of them by default.
        """
        self.log_metrics(step, metrics)
        self.save_step(step, metrics, weights=weights, training=training, score=score)
        self.on_line(line_of(f"{self.title} {step}", metrics, shown))

    def log_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Write metrics to TensorBoard."""
        if self.log is None:
            return
        if self._writer is None:
            from torch.utils.tensorboard.writer import SummaryWriter

            self.log.mkdir(parents=True, exist_ok=True)
            self._writer = SummaryWriter(str(self.log))
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)

    def save_step(
        self,
        step: int,
        metrics: Mapping[str, float],
        *,
        weights: Mapping[str, Tensor],
        training: Mapping[str, Any],
        score: float | None = None,
    ) -> None:
        """Write ``best.pt`` if this is the best so far, then ``latest.pt``; see :meth:`keep`."""
        header, self.step = self.header, step
        used = Checkpoint(
            header.method, header.config, weights, seed=header.seed, step=step, metrics=dict(metrics),
            vocabulary=header.vocabulary, features=header.features, data=header.data, code_version=__version__,
        )  # fmt: skip
        if score is None and self.score_of is not None:
            score = self.score_of(metrics)
        # The best first: a run that is broken off between the two does its epoch again.
        if score is not None and score > self.best_score:
            self.best_score, self.best_step = score, step
            save_checkpoint(used, self.best_path)
        save_checkpoint(Checkpoint(**{**vars(used), "training": training}), self.latest_path)

    @property
    def should_stop(self) -> bool:
        """Whether `patience` steps went by without a better one."""
        return 0 < self.patience <= self.step - self.best_step

    def best(self) -> Checkpoint:
        """Read ``best.pt``.

        Raises
        ------
        NonFiniteError
            If no epoch of this run had a score.
        """
        if self.best_score == -math.inf:
            raise NonFiniteError("no epoch had a loss that is a number, so there is no best one; check the data")
        return load_checkpoint(self.best_path, method=self.header.method)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.close()


def line_of(title: str, metrics: Mapping[str, float], shown: Iterable[str] | None = None) -> str:
    """Put metrics into a line for the user; all of them, or those named that are there."""
    names = [name for name in (metrics if shown is None else shown) if name in metrics]
    return f"{title}: " + ", ".join(f"{name} {metrics[name]:.4g}" for name in names)


def random_state(rng: np.random.Generator) -> dict[str, Any]:
    """Read torch's random state and a generator's, for a checkpoint."""
    return {"torch_random": torch.get_rng_state(), "numpy_random": json.dumps(rng.bit_generator.state)}


def restore_random_state(training: Mapping[str, Any], rng: np.random.Generator) -> None:
    """Set the random states that :func:`random_state` has read."""
    torch.set_rng_state(training["torch_random"].cpu())
    rng.bit_generator.state = json.loads(training["numpy_random"])


def cpu_weights(module: nn.Module) -> dict[str, Tensor]:
    """Copy a network's parameters and buffers to the CPU."""
    return {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}


def arrays_of(weights: Mapping[str, Tensor]) -> Tensors:
    """Turn parameters into arrays, for ``weights.write_weights``."""
    return {name: np.ascontiguousarray(value.detach().cpu().numpy()) for name, value in weights.items()}


def card_of(header: RunHeader, *, data: str, training: Any, command: str, **more: Any) -> dict[str, Any]:
    """Write down what a reader of shipped weights should know; `data` in words, `more` the scores and the like."""
    return {
        "data": data,
        "data_digest": header.data,
        "seed": header.seed,
        "training": plain_data(training),
        "command": command,
        **more,
        "licence": "GPL-3.0-or-later",
        "version": __version__,
    }
