"""Measures how much of a song the editors play if there is little or nothing to cut: `benchmarks/results/plain.md`.

    python -m benchmarks.plain_recordings FOLDER [FOLDER ...] --out PLAIN
    python benchmarks/plain.py PLAIN --cache CACHE [--before OLDER.json]

Each second of the song counts once, whichever of its plays is kept; anything else that is kept does not count.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache
from editorbot.corpus.truth import Truth, read_truth
from editorbot.editlist.edit_list import EditList
from editorbot.editors.base import EditRequest
from editorbot.editors.registry import editor_named
from editorbot.recording import open_recording

ROWS: dict[str, tuple[str, EditRequest]] = {
    "scored": ("scored", EditRequest()),
    "scored, gentle": ("scored", EditRequest(tightness="gentle")),
    "pointer": ("pointer", EditRequest()),
    "pointer, gentle": ("pointer", EditRequest(tightness="gentle")),
    "policy": ("policy", EditRequest()),
    "policy, gentle": ("policy", EditRequest(tightness="gentle")),
}
"""Name of each row -> (editor, request)."""

KINDS = ("bare", "talk", "count_in", "stop")
"""Kinds of recordings, the last part of their names."""

WHOLE = 0.97
"""If less than this share of a song is played, it has lost something."""

Shares = Mapping[str, Mapping[str, float]]
"""Recording -> row -> share of the song that is played."""


def played_share(edit_list: EditList, truth: Truth) -> float:
    """Compute the share of the finished song that an edit plays at least once, in [0, 1].

    Examples
    --------
    A song of 10 s whose first 5 s are played twice, of which one play is kept, is played whole.
    """
    rate = edit_list.source.sample_rate
    played: list[tuple[float, float]] = []
    for segment in truth.segments:
        if segment.source_s is None:
            continue
        for clip in edit_list.clips:
            start_s = max(clip.start / rate, segment.start_s)
            end_s = min(clip.end / rate, segment.end_s)
            if start_s < end_s:
                offset_s = segment.source_s - segment.start_s
                played.append((start_s + offset_s, end_s + offset_s))
    played_s, reached_s = 0.0, 0.0
    for start_s, end_s in sorted(played):
        played_s += max(end_s - max(start_s, reached_s), 0.0)
        reached_s = max(reached_s, end_s)
    return min(played_s / truth.finished_s, 1.0)


def shares_of(path: Path, cache: Path | None, rows: Sequence[str]) -> dict[str, float]:
    """Measure what each row plays of the song in a recording."""
    truth = read_truth(path.parent.parent / "truth" / f"{path.stem.removesuffix('_raw')}.json")
    with open_recording(str(path)) as recording:
        analysis = analyze(recording, cache=None if cache is None else AnalysisCache(cache))
    edits = {row: editor_named(ROWS[row][0]).edit(analysis, ROWS[row][1]) for row in rows}
    return {row: played_share(edit, truth) for row, edit in edits.items()}


def table(shares: Shares, before: Shares | None) -> str:
    """Write the page: a table of the kinds of recordings, and the recordings that lost most."""
    artists = {name.partition("__")[0] for name in shares}
    lines = [
        "# Recordings in which there is little or nothing to cut",
        "",
        f"Share of the song that is played: {len(shares)} recordings of {len(shares) // len(KINDS)} finished tracks by "
        f"{len(artists)} artists (`benchmarks/plain_recordings.py`), each bare, with talk around it, with a count-in "
        "and with one stop. Average / worst, and in brackets the recordings of which less than "
        f"{WHOLE:.0%} is played.",
        "",
        f"| editor | all | {' | '.join(kind.replace('_', '-') for kind in KINDS)} |",
        f"|---|---|{'---|' * len(KINDS)}",
    ]
    for prefix, found in (("before: ", before), ("", shares)):
        for row in _rows_of(found) if found else []:
            cells = [_cell(found, row, kind) for kind in ("", *KINDS)]
            lines.append(f"| {prefix}{row} | {' | '.join(cells)} |")
    lines += ["", "The five that lose most by each editor:", ""]
    for row in _rows_of(shares):
        worst = sorted((each[row], name) for name, each in shares.items())[:5]
        lines.append(f"* {row}: " + ", ".join(f"{name} {share:.2f}" for share, name in worst))
    return "\n".join(lines) + "\n"


def _rows_of(shares: Shares) -> list[str]:
    return list(next(iter(shares.values())))


def _cell(shares: Shares, row: str, kind: str) -> str:
    values = np.array([each[row] for name, each in shares.items() if name.endswith(kind)])
    return f"{values.mean():.3f} / {values.min():.2f} ({(values < WHOLE).sum()})"


def main() -> None:
    """Score and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="from plain_recordings.py")
    parser.add_argument("--cache", type=Path, help="cache of analyses")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--before", type=Path, help="the JSON of an older run, for its rows")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "plain")
    args = parser.parse_args()
    paths = sorted((args.folder / "input").glob("*_raw.wav"))
    with ProcessPoolExecutor(args.workers) as pool:
        found = pool.map(partial(shares_of, cache=args.cache, rows=args.rows), paths)
        shares = {path.stem.removesuffix("_raw"): each for path, each in zip(paths, found)}
    before = json.loads(args.before.read_text(encoding="utf-8")) if args.before else None
    text = json.dumps({name: {row: round(x, 4) for row, x in each.items()} for name, each in shares.items()}, indent=1)
    args.out.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    args.out.with_suffix(".md").write_text(table(shares, before), encoding="utf-8")


if __name__ == "__main__":
    main()
