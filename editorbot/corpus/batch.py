"""Runs one job a sample, in any number of processes.

A job that fails, or whose process dies, gives an error as its result; the others continue. Results do not depend on
the number of processes, but they come in the order in which they are done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Generic, TypeVar

from editorbot.errors import BugError, EditorbotError, as_one_line, without_frames

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Done(Generic[Job, Result]):
    """The result of a job, or its error."""

    job: Job
    """The job."""
    result: Result | None = None
    """Its result."""
    error: EditorbotError | None = None
    """Its error."""


def run_batch(jobs: Sequence[Job], work: Callable[[Job], Result], *, workers: int = 1) -> Iterator[Done[Job, Result]]:
    """Yield the result of each job as it is done; several workers need a `work` that can be pickled."""
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield attempt(job, work)
        return
    # Fresh processes: what the parent has loaded, torch's threads for example, does not survive a fork.
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool:
        coming = {pool.submit(attempt, job, work): job for job in jobs}
        try:
            for future in as_completed(coming):
                try:
                    yield future.result()
                except (OSError, RuntimeError) as error:  # a worker died, of memory for example
                    yield Done(coming[future], error=BugError.of(error))
        finally:
            # If the caller stops early, it does not wait for the rest.
            pool.shutdown(cancel_futures=True)


def attempt(job: Job, work: Callable[[Job], Result]) -> Done[Job, Result]:
    """Run one job; an error becomes part of the result."""
    try:
        return Done(job, work(job))
    except Exception as error:
        # A bug that one sample triggers must not stop the others of the batch.
        return Done(job, error=without_frames(as_one_line(error)))
