"""The page of ``ppo_peers``, from its data.

python -m benchmarks.ppo_page [results/ppo_peers.json]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

STUDENT_T = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
"""Half width of a 95 % interval of so many numbers' mean, in standard errors."""

BAR = 4
"""How many times as fast ours should be."""

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Updates, or runs, by learner; MaskablePPO first."""

PAGE = """# PPO beside sb3-contrib's MaskablePPO

`python -m benchmarks.ppo_peers`: {runs} updates of each row in turn, {seeds} seeds; {versions}.
{cores}, load {rate_load} while rates were measured; one thread. Rates took {rate_minutes:.0f}
minutes; `--rates` measures them alone, and returns stay as they were found.

## Steps a second, rollout and learning together

The whole environment, recordings of 512 beats, rollouts of 8,192 steps; policy and value network of two hidden layers
of {hidden} each, on the 861 numbers of the state. Of each row the fastest update counts: other work on
the machine costs all of them processor time too, by way of the caches, and MaskablePPO the most. The bar is {BAR} x.

**Both learn as editorbot does by default** (4 passes, batches of 2,048):

{same_as_ours}

**Both learn as SB3 does by default** (10 passes, batches of 64):

{same_as_sb3}

**Each as it is by default**, 16 side by side: {own:,.0f} beside {its:,.0f} steps a CPU second, **{by_default:.1f} x**.
MaskablePPO learns from each step ten times by default, in small batches, and ours four times in large ones.

**With the same learning** MaskablePPO takes {peer_us:.0f} us of a core for a step with 16 episodes side by side, and
{wide_peer_us:.0f} us with 64; ours {our_us:.0f} us and {wide_us:.0f} us. As each is fastest, that is
{best:.2f} x; 64 of ours beside 16 of its, {across:.2f} x. At the same width the bar is {verdict}.
The gradients of MaskablePPO's two MLPs alone, four passes without game, draws and loss, take {mkl_us:.0f} us as
torch computes them, and {onednn_us:.0f} us by oneDNN, as ours are.
Ours pays for its heads beside: sizes and amounts for each type (220 outputs instead of 30), and an exact entropy over
all of them. With its encoder, which reads the recordings again in each batch, it is another network, and slower.

MaskablePPO is told the sizes and amounts that are open for any type, so it takes closed steps now and then; the
environment carries those out as far as they go, and the rate does not change by it.

## Return

The cutting game: KEEP and CUT in five sizes, the reward as it is; eight recordings of 112 beats, about half of them
song. Both are told the same masks. What they share is set as SB3 has it by default (learning rate 3e-4, 10 passes,
batches of 64, clip 0.2, no entropy bonus, lambda 0.95), with gamma = 1, as all is paid at an episode's end, the same
rise and fall of the learning rate, and rollouts of 2,048 steps. Ours plays episodes to their end, so its rollouts are
a little longer and its updates fewer ({updates}). Nothing was tuned for either. Mean and 95 % interval over the
seeds, {steps:,} steps each.

| learner | likeliest actions, after training | last quarter of training, drawn | each seed, likeliest |
|---|---|---|---|
{returns}
{references}

95 % intervals of the differences of means, less MaskablePPO:

{compared}

### Reward of drawn episodes along the way

{along}
"""


def with_interval(values: Sequence[float]) -> str:
    """Return a mean with its 95 % interval."""
    half = STUDENT_T[len(values)] * statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.mean(values):.3f} ± {half:.3f}"


def difference(ours: Sequence[float], its: Sequence[float]) -> str:
    """Return the difference of two means with its 95 % interval, with as few degrees of freedom as one of them has."""
    away = statistics.mean(ours) - statistics.mean(its)
    half = STUDENT_T[len(ours)] * math.sqrt((statistics.variance(ours) + statistics.variance(its)) / len(ours))
    verdict = "above" if away > half else "below" if away < -half else "no difference is shown"
    return f"{away:+.3f} ± {half:.3f}, {verdict}"


def greedy(run: Mapping[str, Any]) -> float:
    """Return the reward of the likeliest actions after training."""
    return float(run["greedy"])


def late(run: Mapping[str, Any]) -> float:
    """Return the mean reward of the last quarter of training."""
    return statistics.mean(run["rewards"][-max(len(run["rewards"]) // 4, 1) :])


def fastest(updates: Sequence[Mapping[str, Any]], clock: str) -> float:
    """Return the steps a second of the fastest update, by the wall clock or the processor's."""
    return float(max(update["steps"] / update[clock] for update in updates))


def rate_table(rows: Rows) -> str:
    """Return the rates as a table, each that of the fastest update."""
    peer = fastest(next(iter(rows.values())), "cpu_s")
    lines = [
        "| learner | steps a CPU second | steps a second | beside MaskablePPO |",
        "|---|---|---|---|",
    ]
    for name, updates in rows.items():
        cpu, wall = fastest(updates, "cpu_s"), fastest(updates, "wall_s")
        lines.append(f"| {name} | {cpu:,.0f} | {wall:,.0f} | {cpu / peer:.2f} x |")
    return "\n".join(lines)


def return_rows(curves: Rows) -> str:
    """Return what each learner came to, as rows."""
    return "\n".join(
        f"| {name} | {with_interval([greedy(run) for run in runs])} | {with_interval([late(run) for run in runs])}"
        f" | {', '.join(f'{greedy(run):.2f}' for run in runs)} |"
        for name, runs in curves.items()
    )


def compared(curves: Rows) -> str:
    """Return the differences from the first learner, a line each."""
    peer, *_ = curves.values()

    def line(of: Callable[[Mapping[str, Any]], float], runs: Sequence[Mapping[str, Any]]) -> str:
        return difference([of(run) for run in runs], [of(run) for run in peer])

    return "\n".join(
        f"* {name}: after training {line(greedy, runs)}; last quarter {line(late, runs)}."
        for name, runs in list(curves.items())[1:]
    )


def curve_table(curves: Rows, steps: int) -> str:
    """Return the learning curves: mean reward over the seeds in each eighth of training."""
    edges = np.linspace(0, steps, 9)
    lines = [f"| steps played | {' | '.join(curves)} |", "|---" * (len(curves) + 1) + "|"]
    for low, high in zip(edges, edges[1:]):
        cells = [
            with_interval([statistics.mean(_between(run, low, high, steps)) for run in runs])
            for runs in curves.values()
        ]
        lines.append(f"| to {high:,.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _between(run: Mapping[str, Any], low: float, high: float, steps: int) -> list[float]:
    return [reward for at, reward in zip(run["steps"], run["rewards"]) if low < min(at, steps) <= high]


def page(data: Mapping[str, Any]) -> str:
    """Return the results as a page."""
    rates, curves = data["rates"], data["curves"]
    peer, wide_peer, own, wide, *_ = (fastest(updates, "cpu_s") for updates in rates["ours"].values())
    its = fastest(next(iter(rates["sb3"].values())), "cpu_s")
    mkl_s, onednn_s = data["gradients_alone_s"].values()
    return PAGE.format(
        BAR=BAR,
        **{name: value for name, value in data.items() if name != "references"},
        references="\n".join(f"| {name} | {value:.3f} | | |" for name, value in data["references"].items()),
        same_as_ours=rate_table(rates["ours"]),
        same_as_sb3=rate_table(rates["sb3"]),
        own=own,
        its=its,
        by_default=own / its,
        peer_us=1e6 / peer,
        our_us=1e6 / own,
        wide_us=1e6 / wide,
        wide_peer_us=1e6 / wide_peer,
        best=wide / wide_peer,
        across=wide / peer,
        verdict="met" if min(own / peer, wide / wide_peer) >= BAR else "not met",
        mkl_us=1e6 * mkl_s,
        onednn_us=1e6 * onednn_s,
        updates=" against ".join(
            f"{statistics.mean(len(run['rewards']) for run in runs):.0f}"
            for runs in reversed(list(curves.values())[:2])
        ),
        returns=return_rows(curves),
        compared=compared(curves),
        along=curve_table(curves, data["steps"]),
    )


def main() -> None:
    """Write the page of some data beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path(__file__).parent / "results" / "ppo_peers.json")
    path: Path = parser.parse_args().data
    path.with_suffix(".md").write_text(page(json.loads(path.read_text("utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
