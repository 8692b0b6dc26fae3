"""Measures the speed of the pointer network by the length of the recording, and of greedy decoding for comparison.

The example jam's mel and steps are repeated to recordings of 5,000 to 100,000 frames (2 to 39 minutes). Each size runs
in a separate process: the shipped network over all rows, then the best path; medians of three. Greedy autoregressive
decoding uses the same weights row by row, with the encoding and its keys and values computed once.

    python -m benchmarks.pointer_speed
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.greedy_decoding import next_pointer
from editorbot.analysis.analyze import analyze
from editorbot.editors.pointer_inference.learned import LearnedPointer, read_inputs, read_pointer
from editorbot.models.pointer_config import PointerInputs
from editorbot.models.scorer_config import StepInputs
from editorbot.recording import open_recording
from editorbot.timebase import FRAME_S, STEP_FRAMES

ROOT = Path(__file__).resolve().parent.parent
SIZES = (5_000, 10_000, 25_000, 50_000, 100_000)
GREEDY_STEPS = 300
OUT = ROOT / "benchmarks" / "results" / "pointer_speed"


def recording_of(frames: int, pointer: LearnedPointer) -> tuple[PointerInputs, np.ndarray]:
    """Repeat the example jam to a length; also its beats [seconds]."""
    with open_recording(ROOT / "examples" / "jam.ogg") as recording:
        analysis = analyze(recording)
        analysis = replace(analysis, source=replace(analysis.source, path=str(ROOT / "examples" / "jam.ogg")))
    jam = read_inputs(analysis, pointer.config)
    turns = -(-frames // jam.frames)
    mel = np.tile(jam.mel, turns)[:, :frames]
    count = -(-frames // STEP_FRAMES)
    assert jam.steps is not None
    repeats = jam.steps.nearest_repeats
    all_repeats = [np.where(repeats >= 0, repeats + turn * len(repeats), -1) for turn in range(turns)]
    steps = StepInputs(
        np.tile(jam.steps.values, (turns, 1))[:count],
        np.minimum(np.concatenate(all_repeats)[:count], count - 1).astype(np.int32),
        np.tile(jam.steps.similarity, (turns, 1))[:count],
    )
    beats_s = np.concatenate([analysis.beats_s + turn * jam.frames * FRAME_S for turn in range(turns)])
    return PointerInputs(mel, steps), beats_s[beats_s < frames * FRAME_S]


def measure(frames: int) -> dict[str, float]:
    """Run one size three times; return the medians."""
    pointer = read_pointer()
    inputs, beats_s = recording_of(frames, pointer)
    before_mb = peak_mb()
    runs = []
    for _ in range(4):
        wall, cpu = time.perf_counter(), time.process_time()
        scores = pointer.scores(inputs)
        between = time.process_time()
        plays = pointer.plays(scores, inputs, beats_s)
        end = time.process_time()
        runs.append((time.perf_counter() - wall, between - cpu, end - between, len(plays.starts)))
    wall_s, network_s, path_s, plays_found = (statistics.median(column) for column in zip(*runs[1:]))
    return {
        "frames": frames, "wall_s": wall_s, "network_cpu_s": network_s, "path_cpu_s": path_s,
        "plays": plays_found, "peak_mb": peak_mb(), "before_mb": before_mb,
    }  # fmt: skip


def peak_mb() -> float:
    """Read the peak memory of this process."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 10 if sys.platform != "darwin" else 1 << 20)


def greedy_frames_per_s(frames: int) -> float:
    """Measure frames per CPU second of greedy decoding, by the same weights in torch."""
    import torch

    from editorbot.models.pointer import PointerNetwork, row_scores, to_tensors

    torch.set_num_threads(1)
    pointer = read_pointer()
    network = PointerNetwork(pointer.config).eval()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in pointer.weights.items()})
    inputs, _ = recording_of(frames, pointer)
    with torch.no_grad():
        memory = network.encode(to_tensors(inputs))
        previous, start = 0, time.process_time()
        for _ in range(GREEDY_STEPS):
            heads = network.decode(memory, torch.tensor([previous]), torch.tensor([previous + 1]))
            scores = row_scores(heads, memory)
            previous, is_end = next_pointer(scores, pointer.config, 0, previous)
            previous = previous if not is_end and 0 <= previous < frames - 1 else frames // 3
        return GREEDY_STEPS / (time.process_time() - start)


def main() -> None:
    """Measure all sizes and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", type=int)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one)))
        return
    rows = []
    for size in SIZES:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.pointer_speed", "--one", str(size)],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        rows.append(json.loads(done.stdout))
        print(rows[-1], flush=True)
    middle = rows[SIZES.index(50_000)]
    ours = 50_000 / (middle["network_cpu_s"] + middle["path_cpu_s"])
    greedy = greedy_frames_per_s(50_000)
    write(rows, ours, greedy)


def write(rows: list[dict[str, float]], ours: float, greedy: float) -> None:
    """Write the table."""
    lines = [
        f"| {row['frames']:,} | {row['wall_s']:.2f} | {row['network_cpu_s']:.2f} | {row['path_cpu_s']:.3f} | "
        f"{1e6 * (row['network_cpu_s'] + row['path_cpu_s']) / row['frames']:.1f} | "
        f"{row['peak_mb']:.0f} |"
        for row in rows
    ]
    text = (
        "# How long pointing takes\n\n"
        f"The shipped network and the best path, in NumPy, medians of three; Python {platform.python_version()}, "
        f"{os.cpu_count()} shared cores, so CPU seconds are firmer than seconds on the clock. Without analysis; peak "
        "memory is the whole process's, analysis of the example and all.\n\n"
        "| frames | wall s | network CPU s | path CPU s | CPU us a frame | peak MB |\n"
        "|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n\n"
        f"Against one frame after the other, same weights, encoding kept (torch, one thread, 50,000 frames): "
        f"{ours:,.0f} against {greedy:,.0f} frames a CPU second, {ours / greedy:.0f} times as many, the encoder "
        "counted on our side only.\n"
    )
    OUT.with_suffix(".md").write_text(text, encoding="utf-8")
    found = {"rows": rows, "frames_per_cpu_s": ours, "greedy_frames_per_cpu_s": greedy}
    OUT.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
