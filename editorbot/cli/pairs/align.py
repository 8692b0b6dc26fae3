"""``editorbot pairs align``: where every moment of an edit comes from."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from editorbot.cli.pairs.batch_report import BatchReport
from editorbot.errors import ExistsError, UsageError, printable
from editorbot.timebase import clock

if TYPE_CHECKING:
    from editorbot.corpus.alignment import Alignment
    from editorbot.corpus.pairs import Pair


@dataclass(frozen=True)
class Align:
    """Find where every moment of an edit comes from in its raw recording.

    Example: editorbot pairs align --raw jam.wav --edit mine.wav --out found/
    """

    data_dir: str = "training_data"
    """Folder with input/NAME_raw.wav and desired_output/NAME_edit.wav; results go to its pointer_sequences."""
    raw: str | None = None
    """Raw recording of one pair, instead of a folder of pairs."""
    edit: str | None = None
    """Edit of one pair."""
    out: str | None = None
    """Folder for the results of one pair."""
    no_picture: bool = False
    """Draw no picture."""
    force: bool = False
    """Align again what is aligned already."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Align and write; return the exit code."""
        given = (self.raw, self.edit, self.out)
        if any(given) and not all(given):
            raise UsageError("one pair needs --raw, --edit and --out together")
        return self._run_one() if all(given) else self._run_folder()

    def _run_one(self) -> int:
        from editorbot.corpus.alignment.files import align_pair
        from editorbot.corpus.pairs import Pair, pointer_paths, sample_of

        raw, edit, out = Path(self.raw or ""), Path(self.edit or ""), Path(self.out or "")
        pair = Pair(sample_of(edit), raw, edit)
        info = pointer_paths(out, pair.sample).info
        if info.exists() and not self.force:
            raise ExistsError("it is there already; give another folder, or --force on purpose", path=info)
        _print_result(pair, align_pair(pair, out, picture=not self.no_picture))
        return 0

    def _run_folder(self) -> int:
        from editorbot.corpus.alignment.files import align_pair, is_aligned
        from editorbot.corpus.batch import run_batch
        from editorbot.corpus.pairs import POINTER_FOLDER, find_pairs

        folder = Path(self.data_dir) / POINTER_FOLDER
        listed = find_pairs(Path(self.data_dir))
        report = BatchReport(listed.problems)
        todo = [pair for pair in listed.pairs if self.force or not is_aligned(pair, folder)]
        for done in run_batch(todo, partial(align_pair, folder=folder, picture=not self.no_picture)):
            if done.result is None:
                report.add_failure(done.error, done.job.edit)
            else:
                _print_result(done.job, done.result)
        there = len(listed.pairs) - len(todo)
        made = f"{len(todo) - report.failed} pairs aligned"
        return report.finish(made, "results are in", folder, already_there=there)


def _print_result(pair: Pair, alignment: Alignment) -> None:
    """Print one line about an alignment, and its warnings."""
    name = printable(pair.sample)
    speed = "" if alignment.speed.ratio == 1 else f", speed {alignment.speed.ratio:.4f}"
    length = clock(alignment.edit_samples / alignment.edit_rate)
    print(f"{name}: {length}, {len(alignment.segments)} segments, {alignment.matched_share:.1%} found{speed}")
    for line in alignment.warnings:
        print(f"warning: {name}: {line}", file=sys.stderr)
