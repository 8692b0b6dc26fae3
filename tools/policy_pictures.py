"""Pictures of learning to edit: a run's numbers over its steps, and an episode's actions over the recording."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from editorbot.editors.policy_inference.action_shares import band_of
from editorbot.environment.actions import Action, Operation, Vocabulary
from editorbot.environment.dynamics import advance, first_state
from editorbot.environment.material import Material
from editorbot.environment.settings import COMPONENTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK, _QUIET, _GRID, _LINE = "#1f2933", "#7b8794", "#e4e7eb", "#2b6cb0"
_BANDS = ("#cbd2d9", "#dd6b20", "#805ad5")
_KEEP = "#2f855a"
"""Colors: what leaves out, loops and effects, navigation; and what keeps."""

WATCHED: Mapping[str, tuple[float, float] | None] = {
    "train/episode_reward": None,
    "train/entropy": None,
    "train/bc_loss": (0.0, 1.0),
    "train/bc_entropy": None,
    "approx_kl": (0.0, 0.05),
    "counters/n_keep_ratio": (0.4, 0.6),
    "train/policy_loss": None,
    "train/value_loss": None,
    "train/grad_norm": None,
    "val/bc_loss": None,
    "val/type_accuracy": None,
}
"""Numbers of a run that are drawn where they are there, and the band that each should lie in."""

Curves = Mapping[str, tuple[Sequence[int], Sequence[float]]]
"""Steps and values by name."""


def curves_of(log: Path) -> Curves:
    """Return what a run wrote to TensorBoard, by name; the last value of each step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(log), size_guidance={"scalars": 0})
    events.Reload()
    curves = {}
    for name in events.Tags()["scalars"]:
        values = {event.step: event.value for event in events.Scalars(name)}
        curves[name] = (list(values), list(values.values()))
    return curves


def picture_of_run(curves: Curves, title: str) -> bytes:
    """Return a run's numbers over its steps as PNG, a panel each, the bands that they should lie in behind them."""
    names = [name for name in WATCHED if name in curves]
    names += [name for name in (f"reward/{part}" for part in COMPONENTS) if name in curves]
    figure, panels = _panels(len(names), title)
    for name, panel in zip(names, panels):
        steps, values = curves[name]
        band = WATCHED.get(name)
        if band is not None:
            panel.axhspan(*band, color="#c6f6d5", alpha=0.6, linewidth=0)
        panel.plot(steps, values, color=_LINE, linewidth=0.7, alpha=0.45)
        panel.plot(steps, _smooth(values), color=_LINE, linewidth=1.6)
        panel.set_title(name, fontsize=9, loc="left", color=_INK)
        _dress(panel)
    if "counters/truth_keep_ratio" in curves and "counters/n_keep_ratio" in names:
        truth = curves["counters/truth_keep_ratio"][1][-1]
        panels[names.index("counters/n_keep_ratio")].axhline(truth, color=_INK, linestyle=":", linewidth=1)
    return _png(figure)


def picture_of_episode(actions: Sequence[Action], material: Material, vocabulary: Vocabulary, title: str) -> bytes:
    """Return an episode as PNG: the recording's level, and each action where the cursor stood."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.2), dpi=120, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    level, steps = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    ends_s = np.concatenate([[0.0], np.cumsum(material.tables.duration_s)])
    height = np.maximum(material.tables.energy_db, -60.0) + 60.0
    level.stairs(height, ends_s, fill=True, color="#d9e2ec")
    level.stairs(-height, ends_s, fill=True, color="#d9e2ec")
    state, lengths = first_state(material.beats, vocabulary), material.lengths.tolist()
    for number, action in enumerate(actions):
        after = advance(state, action, lengths[state.cursor], vocabulary)
        start_s, end_s = sorted((float(ends_s[state.cursor]), float(ends_s[after.cursor])))
        end_s = max(end_s, start_s + 0.3)
        row = vocabulary.rows[action.type]
        color = (
            _KEEP
            if row.operation == Operation.PLAY and not row.changes_sound
            else _BANDS[band_of(action.type, vocabulary)]
        )
        steps.barh(number % 3, end_s - start_s, left=start_s, color=color, edgecolor="white", linewidth=0.5)
        if row.operation != Operation.CUT:
            level.axvspan(start_s, end_s, color=color, alpha=0.25, linewidth=0)
        if row.name not in ("KEEP", "CUT"):
            steps.text((start_s + end_s) / 2, number % 3, row.name, ha="center", va="center", fontsize=6, color=_INK)
        state = after
    level.set(yticks=[], xlim=(0, float(ends_s[-1])))
    legend = "level of each beat; green is kept, orange looped or changed, violet moved"
    level.set_title(legend, fontsize=8.5, loc="left", color=_QUIET)
    steps.set(yticks=[])
    steps.set_xlabel("recording [s]", fontsize=8.5, color=_QUIET)
    steps.set_title("actions, one block each, at the cursor", fontsize=8.5, loc="left", color=_QUIET)
    for panel in (level, steps):
        _dress(panel)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=_INK, weight="bold")
    return _png(figure)


def _panels(count: int, title: str) -> tuple[Figure, list[Any]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = 4
    rows = max(-(-count // columns), 1)
    figure = Figure(figsize=(3.4 * columns, 2.1 * rows + 0.5), dpi=110, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(np.atleast_1d(figure.subplots(rows, columns)).flat)
    for panel in panels[count:]:
        panel.set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=_INK, weight="bold")
    return figure, panels


def _smooth(values: Sequence[float], memory: int = 10) -> np.ndarray:
    """Return the mean of the last values at each step, shape=(steps,)."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(1, len(values) + 1)
    first = np.maximum(at - memory, 0)
    return np.asarray((sums[at] - sums[first]) / (at - first))


def _dress(panel: Any) -> None:
    panel.tick_params(colors=_QUIET, length=0, labelsize=8)
    panel.grid(color=_GRID, linewidth=0.7)
    panel.set_axisbelow(True)
    for spine in panel.spines.values():
        spine.set_color(_GRID)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
