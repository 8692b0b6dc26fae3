"""Makes the examples of a run, in processes, and keeps them; what is there already is not made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from editorbot.errors import EditorbotError
from editorbot.training.mel.examples import example_name, read_example, ruined_again, ruined_examples, write_example

AT_ONCE = 1
"""Examples that are made of a track each time that it is opened."""


def make_ruined(
    tracks: Sequence[Path],
    cache: Path,
    *,
    count: int,
    seed: int,
    workers: int = 1,
    on_line: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Return the files of ruined examples, artists taking turns; a track that cannot be used is told of once.

    Parameters
    ----------
    tracks : sequence of Path
        Finished tracks; a folder is an artist.
    cache : Path
        Where examples are kept.
    count : int
        How many.
    seed : int
        The same seed makes the same examples, whatever the number of workers.
    """
    rounds = -(-count // AT_ONCE)
    orders = [(path, cache, seed, number) for number, path in enumerate(turns(tracks, rounds, seed))]
    made: list[Path] = []
    said: set[str] = set()
    for outcome in _mapped(orders, workers):
        if isinstance(outcome, list):
            if len(made) // 100 < (len(made) + len(outcome)) // 100:
                on_line(f"{len(made)} of {count} examples are ready")
            made += outcome
        elif outcome not in said:
            said.add(outcome)
            on_line(outcome)
    return made[:count]


def make_again(
    files: Sequence[Path], times: int, *, seed: int, on_line: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """Return the files of examples whose finished sides, as they were kept, are ruined in other ways.

    A kept sound is at hand, one channel, and short: ten are ruined in the time that one track is opened.

    Parameters
    ----------
    files : sequence of Path
        Kept examples.
    times : int
        How often each is ruined again.
    seed : int
        The same seed ruins in the same ways.
    """
    made = []
    for number, file in enumerate(files):
        for time in range(times):
            again = file.with_name(f"{file.stem}_again{seed}_{time}.npz")
            if read_example(again) is None:
                example = read_example(file)
                changed = (
                    None if example is None else ruined_again(example, np.random.default_rng([seed, number, time]))
                )
                if changed is None:
                    continue
                write_example(again, changed)
            made.append(again)
            if len(made) % 500 == 0:
                on_line(f"{len(made)} examples are ruined again")
    return made


def _mapped(orders: list[tuple[Path, Path, int, int]], workers: int):  # type: ignore[no-untyped-def]
    if workers == 1:
        yield from map(_make, orders)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        try:
            yield from pool.map(_make, orders, chunksize=4)
        finally:
            pool.shutdown(cancel_futures=True)


def turns(tracks: Sequence[Path], count: int, seed: int) -> list[Path]:
    """Return tracks in the order in which they are ruined: each artist as often as the others."""
    artists = sorted({path.parent for path in tracks})
    rng = np.random.default_rng([seed, 17])
    by_artist = {artist: [path for path in sorted(tracks) if path.parent == artist] for artist in artists}
    chosen = [by_artist[artists[number % len(artists)]] for number in range(count)]
    return [of[int(rng.integers(len(of)))] for of in chosen]


def _make(order: tuple[Path, Path, int, int]) -> list[Path] | str:
    """Return the files of some examples of one track, or why there are none."""
    path, cache, seed, number = order
    name = example_name(path, seed, number)
    there = sorted(cache.glob(f"{name}_*of*.npz"))
    if there and len(there) == _total_of(there[0]) and all(read_example(file) is not None for file in there):
        return there
    try:
        examples = ruined_examples(path, np.random.default_rng([seed, number]), AT_ONCE)
        files = [cache / f"{name}_{part}of{len(examples)}.npz" for part in range(len(examples))]
        for file, example in zip(files, examples):
            write_example(file, example)
    except EditorbotError as error:
        return str(error)
    return files


def _total_of(file: Path) -> int:
    """Return how many examples were made beside one."""
    return int(file.stem.rpartition("of")[2])
