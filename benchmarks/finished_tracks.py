"""Measures how much of finished tracks the editors keep, where nothing should be cut (`results/finished_tracks.md`).

    python benchmarks/finished_tracks.py FOLDER [FOLDER ...] [--out benchmarks/results/finished_tracks]

Every folder is an artist. What is played twice counts once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from editorbot.analysis.analyze import analyze
from editorbot.corpus.simulate.folder import find_tracks
from editorbot.editlist.edit_list import EditList
from editorbot.editlist.operations import played_ranges, total_samples
from editorbot.editors.base import EditRequest
from editorbot.editors.registry import editor_named
from editorbot.recording import open_recording

EDITORS = ("scored", "pointer", "policy", "scored-rules")
LEAST_S = 60.0
"""Shorter tracks are left out [seconds]."""


def kept_share(edit_list: EditList) -> float:
    """Compute the share of the source that is played at all, in [0, 1]."""
    return total_samples(played_ranges(edit_list)) / edit_list.source.samples


def row_of(path: Path) -> list[float]:
    """Measure what each editor keeps of a track; nothing for one that is too short."""
    with open_recording(str(path)) as recording:
        analysis = analyze(recording)
    if analysis.duration_s < LEAST_S:
        return []
    return [kept_share(editor_named(name).edit(analysis, EditRequest())) for name in EDITORS]


def table(rows: Sequence[tuple[Path, list[float]]]) -> str:
    """Write the table, with the mean and the minimum at its end."""
    shares = np.array([row for _, row in rows])
    lines = [
        "# Finished tracks, of which nothing is to be cut",
        "",
        f"Share of each track that is played, {len(rows)} tracks of {len({path.parent for path, _ in rows})} artists.",
        "",
        f"| track | {' | '.join(EDITORS)} |",
        f"|---|{'---|' * len(EDITORS)}",
    ]
    named = [(f"{path.parent.name}, {path.stem}", row) for path, row in rows]
    for name, row in (*named, ("mean", shares.mean(0)), ("least", shares.min(0))):
        lines.append(f"| {name} | {' | '.join(f'{share:.0%}' for share in row)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Score and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "finished_tracks")
    args = parser.parse_args()
    rows = [(path, row) for path in find_tracks(args.folders) if (row := row_of(path))]
    args.out.with_suffix(".md").write_text(table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
