"""What the commands over many pairs report: errors as they come, and one line at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from editorbot.errors import EditorbotError, UsageError, printable


class BatchReport:
    """Collects the errors of a batch and prints each once; the first of them decides the exit code."""

    def __init__(self, problems: Iterable[EditorbotError] = ()) -> None:
        self.errors: list[EditorbotError] = []
        self.failed = 0
        """Jobs that failed; files that belong to no pair are only `errors`."""
        for problem in problems:
            self._add(problem)

    def add_failure(self, error: EditorbotError | None, path: Path) -> None:
        """Report the error of a job, with the path of its file if the error names none."""
        error = error or EditorbotError("it gave no result")
        error.path = error.path or str(path)
        self.failed += 1
        self._add(error)

    def _add(self, error: EditorbotError) -> None:
        self.errors.append(error)
        print(error, file=sys.stderr)

    def finish(self, made: str, where: str, folder: str | Path, *, already_there: int = 0) -> int:
        """Print the last line; return the exit code."""
        there = f", {already_there} were there already" if already_there > 0 else ""
        print(f"{made}{there}, {len(self.errors)} problems; {where} {printable(str(folder))}")
        return self.errors[0].exit_code if self.errors else 0


def check_workers(workers: int) -> None:
    """Refuse fewer than one worker."""
    if workers < 1:
        raise UsageError(f"--workers must be at least 1, but is {workers}")
