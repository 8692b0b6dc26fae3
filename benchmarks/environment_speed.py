"""Steps a second of the environments, beside Stable-Baselines3's vector environments over the single one.

    python -m benchmarks.environment_speed [--seconds 3] [--runs 3]

Every step hands out a normalized state of 861 numbers, its masks, and at an episode's end the reward of the whole;
ended episodes begin anew. Actions are drawn evenly from what is open, by the same method everywhere where masks
are handed out; SB3's two are stepped with KEEP of a bar alone, which needs no masks, so drawing costs them nothing.
Rows run in turn, `--runs` times; the median counts. Needs the extra `bench`. Writes ``results/environment_speed.md``.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from editorbot.environment.batch_env import BatchEditingEnv
from editorbot.environment.gym_env import EditingEnv
from editorbot.environment.material import Material, material_of
from editorbot.environment.state import STATE_SIZE, Normalizer, RunningStatistics
from tests.editors.factories import song_analysis

SIDE_BY_SIDE = 16
Steps = Callable[[float], float]


def recordings() -> list[Material]:
    """Return eight recordings of 512 beats with bars, phrases and sections."""
    made = []
    for seed in range(8):
        analysis = song_analysis("ABAB", bars=32, seed=seed)
        worth = np.random.default_rng(seed).random(len(analysis.beats_s))
        made.append(material_of(analysis, worth=worth, target_keep_ratio=0.5))
    return made


def normalizer() -> Normalizer:
    """Return a normalizer that clips some of what it sees."""
    statistics_ = RunningStatistics()
    statistics_.update(np.random.default_rng(0).normal(0.0, 3.0, (100, STATE_SIZE)))
    return statistics_.normalizer()


def batch(episodes: int, threads: int, *, copy: bool) -> Steps:
    """Return a run of the batch environment."""
    env = BatchEditingEnv(recordings(), episodes, normalizer=normalizer(), threads=threads, copy=copy)
    env.reset(seed=0)
    rng = np.random.default_rng(0)

    def run(seconds: float) -> float:
        began, steps = time.perf_counter(), 0
        while (took := time.perf_counter() - began) < seconds:
            env.step(env.sample_actions(rng))
            steps += episodes
        return steps / took

    return run


def single(*, only_keep: bool) -> Steps:
    """Return a run of the single environment."""
    env = EditingEnv(recordings(), normalizer=normalizer())
    rng = np.random.default_rng(0)
    _, info = env.reset(seed=0)

    def run(seconds: float) -> float:
        nonlocal info
        inside, steps = 0.0, 0
        while inside < seconds:
            action = np.array([0, 1, 0]) if only_keep else drawn(info, rng)
            began = time.perf_counter()
            _, _, over, cut_off, info = env.step(action)
            if over or cut_off:
                _, info = env.reset()
            inside += time.perf_counter() - began
            steps += 1
        return steps / inside

    return run


def drawn(info: dict, rng: np.random.Generator) -> np.ndarray:
    """Return an open action."""
    kind = int(rng.choice(np.flatnonzero(info["type_mask"])))
    rows = (info["size_mask"][kind], info["amount_mask"][kind])
    return np.array([kind, *(int(rng.choice(np.flatnonzero(row))) for row in rows)])


def peer(name: str) -> Steps:
    """Return a run of one of SB3's vector environments over the single one."""
    from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

    kind = {"DummyVecEnv": DummyVecEnv, "SubprocVecEnv": SubprocVecEnv}[name]
    actions, shared, shape = np.tile([0, 1, 0], (SIDE_BY_SIDE, 1)), recordings(), normalizer()

    def run(seconds: float) -> float:
        # Forked, where that is possible: sixteen workers that import everything anew would take minutes to start.
        options = {"start_method": "fork"} if kind is SubprocVecEnv and hasattr(os, "fork") else {}
        envs = kind([partial(EditingEnv, shared, None, shape)] * SIDE_BY_SIDE, **options)
        envs.reset()
        envs.step(actions)
        began, steps = time.perf_counter(), 0
        while (took := time.perf_counter() - began) < seconds:
            envs.step(actions)
            steps += SIDE_BY_SIDE
        envs.close()
        return steps / took

    return run


ROWS: dict[str, Callable[[], Steps]] = {
    "batch, 1024 episodes, 2 threads": lambda: batch(1024, 2, copy=False),
    "batch, 1024 episodes, 1 thread": lambda: batch(1024, 1, copy=False),
    "batch, 1024 episodes, 2 threads, own arrays each step": lambda: batch(1024, 2, copy=True),
    "batch, 16 episodes, 1 thread": lambda: batch(SIDE_BY_SIDE, 1, copy=False),
    "single, without drawing the action": lambda: single(only_keep=False),
    "single, KEEP of a bar alone": lambda: single(only_keep=True),
    "SB3 DummyVecEnv(16), KEEP of a bar alone": lambda: peer("DummyVecEnv"),
    "SB3 SubprocVecEnv(16), KEEP of a bar alone": lambda: peer("SubprocVecEnv"),
}


def cpu_s() -> float:
    """Return processor time of this process and of its ended children [seconds]."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Run everything in turn, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="Length of each run.")
    parser.add_argument("--runs", type=int, default=3, help="Runs of each row.")
    given = parser.parse_args()
    rows = {name: make() for name, make in ROWS.items()}
    for run in list(rows.values())[:-1]:
        run(0.2)  # compiles
    walls: dict[str, list[float]] = {name: [] for name in rows}
    cpus: dict[str, list[float]] = {name: [] for name in rows}
    loads = []
    for _ in range(given.runs):
        for name, run in rows.items():
            began, began_cpu_s = time.perf_counter(), cpu_s()
            rate = run(given.seconds)
            share = (cpu_s() - began_cpu_s) / (time.perf_counter() - began)
            walls[name].append(rate)
            cpus[name].append(rate / share)
            loads.append(os.getloadavg()[0])
            print(f"{name}: {rate:,.0f} steps/s, {rate / share:,.0f} a CPU second", flush=True)
    peer_rate = statistics.median(cpus["SB3 DummyVecEnv(16), KEEP of a bar alone"])
    lines = [
        f"| {name} | {statistics.median(walls[name]):,.0f} | {max(walls[name]):,.0f}"
        f" | {statistics.median(cpus[name]):,.0f} | {statistics.median(cpus[name]) / peer_rate:.1f} x |"
        for name in rows
    ]
    text = f"""# Steps a second of the environments

`python -m benchmarks.environment_speed`: {given.runs} runs of {given.seconds:g} s of each row in turn.
With states of 861 normalized numbers, masks, rewards and resets; recordings of 512 beats.
Bars: batch 200,000 (goal 1,000,000), single 10,000.

{os.cpu_count()} cores, {platform.machine()}, shared with other work: load {min(loads):.1f} to {max(loads):.1f}.
So wall times tell what was left over. Steps a CPU second count the processor time of all threads and processes of a
row; they are what one undisturbed core does, and the last column compares them.

| environment | steps a second, median | best run | steps a CPU second | against DummyVecEnv(16) |
|---|---|---|---|---|
{chr(10).join(lines)}
"""
    (Path(__file__).parent / "results" / "environment_speed.md").write_text(text)


if __name__ == "__main__":
    main()
