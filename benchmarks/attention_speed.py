"""Neighborhood attention on a CPU, forward and backward, beside torch's SDPA: banded and dense.

    python benchmarks/attention_speed.py

Shapes of the default preset: 8 heads of 64 numbers, kernel 33, one thread. Each row runs in turn, several times; told
are the least wall time and the least time of the processor, which counts even where the machine is shared.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch

from editorbot.models.attention import neighborhood_attention_1d

HEADS, SIZE, KERNEL, ROUNDS = 8, 64, 33, 4
CASES = ((4096, ("kernel", "banded", "dense")), (32768, ("kernel", "banded")))
OUT = Path(__file__).parent / "results" / "attention_speed"


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Return wall and processor seconds of a call."""
    wall, busy = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - busy


def measure(beats: int, backends: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Return the least times of forward and backward, and how far each result lies from the first backend's."""
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(HEADS, beats, SIZE, generator=generator, requires_grad=True) for _ in range(3)]
    found: dict[str, dict[str, float]] = {}
    first: list[torch.Tensor] = []
    for number in range(ROUNDS + 1):
        for backend in backends:

            def run(backend: str = backend) -> None:
                for part in parts:
                    part.grad = None
                neighborhood_attention_1d(
                    parts[0], parts[1], parts[2], KERNEL, backend=backend
                ).square().sum().backward()

            wall, busy = timed(run)
            if number == 0:  # compiled, and pages touched
                grads = [part.grad.clone() for part in parts if part.grad is not None]
                first = first or grads
                away = max(float((one - other).abs().max()) for one, other in zip(grads, first))
                found[backend] = {"wall_s": 1e9, "processor_s": 1e9, "largest_difference": away}
                continue
            row = found[backend]
            row["wall_s"], row["processor_s"] = min(row["wall_s"], wall), min(row["processor_s"], busy)
    return found


def main() -> None:
    """Measure, write the table."""
    torch.set_num_threads(1)
    before = os.getloadavg()[0]
    results = {beats: measure(beats, backends) for beats, backends in CASES}
    load = f"load {before:.1f} to {os.getloadavg()[0]:.1f}"
    lines = [
        f"| {beats} | {backend} | {row['wall_s'] * 1e3:.0f} | {row['processor_s'] * 1e3:.0f} | "
        f"{row['processor_s'] / rows['kernel']['processor_s']:.1f} x | {row['largest_difference']:.1e} |"
        for beats, rows in results.items()
        for backend, row in rows.items()
    ]
    head = "| beats | backend | wall ms | processor ms | beside kernel | gradient differs by |\n" + "|---" * 6 + "|"
    told = (
        f"# Speed of the neighborhood attention\n\n`python benchmarks/attention_speed.py`: forward and backward, "
        f"{HEADS} heads of {SIZE}, kernel {KERNEL}, one thread, the least of {ROUNDS} runs in turn; {load} on "
        f"{os.cpu_count()} cores. `kernel` is what a CPU uses; `banded` and `dense` are torch's SDPA.\n\n"
    )
    OUT.with_suffix(".md").write_text(told + head + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    OUT.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(told + head + "\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
