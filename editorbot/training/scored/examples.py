"""Jams as the learned score trains on them: inputs and the right class of every step, kept as npz.

A simulated jam's truth names every second. A real pair says less: what the
edit holds is 'keep', all else is only known not to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from jaxtyping import Float32, Int8

from editorbot.analysis.analysis import Analysis
from editorbot.corpus.cache_files import read_entry, write_entry
from editorbot.corpus.truth import Truth
from editorbot.editors.scoring.inputs import scorer_inputs
from editorbot.errors import FormatError
from editorbot.models.scorer_config import CLASSES, StepInputs
from editorbot.timebase import STEP_S
from editorbot.training.step_truth import classes_of, sources_of

_STORED = ("version", "values", "twins", "likeness", "lags", "classes", "source_s")
"""Names of the arrays in a file."""

EXAMPLES_VERSION = 2
"""Raised when an example's inputs change their meaning: older ones are made again."""


@dataclass(frozen=True)
class Example:
    """One jam, ready to learn from."""

    inputs: StepInputs
    """What the network reads."""
    classes: Int8[np.ndarray, " steps"]
    """Index into CLASSES of each step."""
    source_s: Float32[np.ndarray, " steps"]
    """Where in the finished track each step belongs [seconds], NaN for junk."""


def example_of(analysis: Analysis, truth: Truth) -> Example:
    """Return the example that an analysed jam and its truth make."""
    inputs, count = scorer_inputs(analysis.steps, analysis.activity), len(analysis.steps)
    return Example(inputs, classes_of(truth, count), sources_of(truth, count))


def write_example(example: Example, path: Path) -> None:
    """Write an example whole or not at all; the names in the file stay as they are."""
    arrays = {
        "version": np.array(EXAMPLES_VERSION),
        "values": example.inputs.values.astype(np.float16),
        "twins": example.inputs.nearest_repeats,
        "likeness": example.inputs.similarity.astype(np.float16),
        "lags": example.inputs.lag_matrix.astype(np.float16),
        "classes": example.classes,
        "source_s": example.source_s,
    }
    write_entry(path, arrays)


def read_example(path: Path) -> Example:
    """Read an example.

    Raises
    ------
    FormatError
        If it is damaged or of another version; it is made again then.
    """
    arrays = read_entry(path)
    if arrays is None or sorted(arrays) != sorted(_STORED):
        raise FormatError("the example is damaged", path=path)
    if int(arrays["version"]) != EXAMPLES_VERSION:
        raise FormatError(f"inputs of version {arrays['version']}, wanted {EXAMPLES_VERSION}", path=path)
    values, likeness, lag_matrix = (arrays[name].astype(np.float32) for name in ("values", "likeness", "lags"))
    inputs = StepInputs(values, arrays["twins"].astype(np.int32), likeness, lag_matrix)
    return Example(inputs, arrays["classes"].astype(np.int8), arrays["source_s"].astype(np.float32))


class ExampleFiles(Sequence[Example]):
    """Examples that are read when they are asked for, so that there may be more than memory holds."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._paths)

    @overload
    def __getitem__(self, number: int) -> Example: ...

    @overload
    def __getitem__(self, number: slice) -> ExampleFiles: ...

    def __getitem__(self, number: int | slice) -> Example | ExampleFiles:
        """Return one example, read anew, or some that are not read yet."""
        if isinstance(number, slice):
            return ExampleFiles(self._paths[number])
        return read_example(self._paths[number])


@dataclass(frozen=True)
class StepScore:
    """How well kept steps hold the finished music, counted in steps."""

    recall: float
    """Share of the finished music that is kept."""
    purity: float
    """Share of what is kept that is finished music heard for the first time."""

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        total = self.recall + self.purity
        return 2 * self.recall * self.purity / total if total > 0 else 0.0


def step_score(keep: np.ndarray, example: Example) -> StepScore:
    """Score kept steps, shape=(steps,), bool, as `evaluation.metrics` would, to a step's precision."""
    place = np.round(example.source_s / STEP_S)
    is_good = np.isin(example.classes, (CLASSES.index("keep"), CLASSES.index("repeat")))
    whole = np.unique(place[example.classes == CLASSES.index("keep")])
    held = np.unique(place[is_good & keep])
    recall = len(np.intersect1d(held, whole)) / max(1, len(whole))
    return StepScore(recall, min(1.0, len(held) / max(1, int(keep.sum()))))
