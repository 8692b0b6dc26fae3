"""``editorbot pairs align``: where every moment of an edit comes from."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from editorbot.errors import EditorbotError, ExistsError, UsageError, printable
from editorbot.timebase import clock

if TYPE_CHECKING:
    from editorbot.corpus.alignment import Alignment
    from editorbot.corpus.pairs import Pair


@dataclass(frozen=True)
class Align:
    """Find where every moment of an edit came from in its raw recording."""

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
    """Align again what is there already; a folder's finished pairs are passed over otherwise."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Align and write; return the exit code."""
        given = (self.raw, self.edit, self.out)
        if any(given) and not all(given):
            raise UsageError("one pair needs --raw, --edit and --out together")
        return self._run_one() if all(given) else self._run_folder()

    def _run_one(self) -> int:
        from editorbot.corpus.pairs import Pair, align_pair, pointer_paths, sample_of

        raw, edit, out = Path(self.raw or ""), Path(self.edit or ""), Path(self.out or "")
        pair = Pair(sample_of(edit), raw, edit)
        info = pointer_paths(out, pair.sample).info
        if info.exists() and not self.force:
            raise ExistsError("it is there already; give another folder, or --force on purpose", path=info)
        _print_result(pair, align_pair(pair, out, picture=not self.no_picture))
        return 0

    def _run_folder(self) -> int:
        from editorbot.corpus.labels.stored import is_aligned
        from editorbot.corpus.pairs import POINTER_FOLDER, align_all, find_pairs

        folder = Path(self.data_dir) / POINTER_FOLDER
        listed = find_pairs(Path(self.data_dir))
        for problem in listed.problems:
            print(problem, file=sys.stderr)
        todo = tuple(p for p in listed.pairs if self.force or not is_aligned(p, folder))
        failures: list[EditorbotError] = list(listed.problems)

        def on_done(pair: Pair, result: Alignment | EditorbotError) -> None:
            if isinstance(result, EditorbotError):
                failures.append(result)
            _print_result(pair, result)

        align_all(todo, folder, picture=not self.no_picture, on_done=on_done)
        passed = len(listed.pairs) - len(todo)
        aligned = len(todo) - (len(failures) - len(listed.problems))
        there = f", {passed} were there already" if passed else ""
        print(f"{aligned} pairs aligned{there}, {len(failures)} problems; results are in {printable(str(folder))}")
        return failures[0].exit_code if failures else 0


def _print_result(pair: Pair, result: Alignment | EditorbotError) -> None:
    """Print one line of what was found, or of what went wrong."""
    if isinstance(result, EditorbotError):
        print(result, file=sys.stderr)
        return
    name = printable(pair.sample)
    speed = "" if result.speed.ratio == 1 else f", speed {result.speed.ratio:.4f}"
    length = clock(result.edit_samples / result.edit_rate)
    print(f"{name}: {length}, {len(result.segments)} segments, {result.matched_share:.1%} found{speed}")
    for line in result.warnings:
        print(f"warning: {name}: {line}", file=sys.stderr)
