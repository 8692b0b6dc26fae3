"""One job a sample, in any number of processes.

A job that fails, or whose process dies, becomes part of the results; the others go on. Results do not depend on how
many processes there are, but they come in the order in which they are done.
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
    """What came of a job: a result or an error."""

    job: Job
    """The job."""
    result: Result | None = None
    """What it gave."""
    error: EditorbotError | None = None
    """What went wrong."""


def run_batch(jobs: Sequence[Job], work: Callable[[Job], Result], *, workers: int = 1) -> Iterator[Done[Job, Result]]:
    """Yield what comes of each job, as it is done.

    Parameters
    ----------
    jobs : sequence
        What is to be done.
    work : callable
        Does one job; a function of a module, where there are several workers.
    workers : int
        Processes at work, at least 1.
    """
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
            # Whoever has seen enough does not wait for the rest.
            pool.shutdown(cancel_futures=True)


def attempt(job: Job, work: Callable[[Job], Result]) -> Done[Job, Result]:
    """Do one job; whatever goes wrong becomes part of what is returned."""
    try:
        return Done(job, work(job))
    except Exception as error:
        # A bug that one sample brings out must not take the others of the batch with it.
        return Done(job, error=without_frames(as_one_line(error)))
