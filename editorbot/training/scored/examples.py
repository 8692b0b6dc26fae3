"""Jams as the learned score trains on them: inputs and the class of every step, kept as npz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int8

from editorbot.analysis.analysis import Analysis
from editorbot.corpus.cache_files import read_entry, write_entry
from editorbot.corpus.truth import Truth
from editorbot.editors.scoring.inputs import scorer_inputs
from editorbot.errors import FormatError
from editorbot.models.scorer_config import StepInputs
from editorbot.training.step_truth import classes_of, sources_of

_STORED = ("version", "values", "twins", "likeness", "lags", "classes", "source_s")
"""Names of the arrays in a file."""

EXAMPLES_VERSION = 2
"""Goes up when the inputs change: older examples are made again."""


@dataclass(frozen=True)
class Example:
    """One jam, ready to train on."""

    inputs: StepInputs
    """What the network reads."""
    classes: Int8[np.ndarray, " steps"]
    """Index into CLASSES of each step."""
    source_s: Float32[np.ndarray, " steps"]
    """Time of each step in the finished track [seconds], NaN for junk."""


def example_of(analysis: Analysis, truth: Truth) -> Example:
    """Make the example of an analyzed jam and its truth."""
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
    """Examples that are read when they are indexed, so that there may be more than fit into memory."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, number: int) -> Example:  # type: ignore[override]
        return read_example(self._paths[number])
