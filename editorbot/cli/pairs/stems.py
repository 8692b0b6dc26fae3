"""``editorbot pairs stems``: drums, bass, vocals and the rest of every raw recording."""

from __future__ import annotations

import sys
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from editorbot.cli.devices import device_named
from editorbot.cli.pairs.precache import check_workers, told
from editorbot.errors import DamagedError, EditorbotError, MissingExtraError, UsageError, printable

if TYPE_CHECKING:
    from editorbot.analysis.demucs import DemucsSeparator
    from editorbot.corpus.stem_cache import StemFile


@dataclass(frozen=True)
class StemJob:
    """One raw recording to be taken apart."""

    sample: str
    """Its name."""
    raw: Path
    """The recording."""
    stems: Path
    """Where its stems go."""
    stems_mel: Path
    """Where their mels go."""
    model: str
    """Name of the separator."""
    device: str
    """Where it runs."""
    force: bool = False
    """Make again what is there."""
    only_mel: bool = False
    """Make mels of the stems that are there, and no stems."""


DEVICES = ("auto", "cpu", "cuda")
"""Where the model may run."""


@dataclass(frozen=True)
class Stems:
    """Take every raw recording apart into drums, bass, vocals and the rest; needs the extra stems."""

    samples: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names of pairs; all where none is given."""
    data_dir: str = "training_data"
    """Folder with input/NAME_raw.wav and desired_output/NAME_edit.wav."""
    cache_dir: str = "cache"
    """Folder for stems/NAME_stems.npz and stems_mel/NAME_stems.npz."""
    stem_model: str = "hf://htdemucs"
    """A Demucs model of the hub, or a .safetensors file."""
    device: str = "auto"
    """cpu or cuda; auto takes a graphics card where there is one."""
    workers: int = 1
    """Recordings that are worked on at the same time; the results are the same."""
    only_mel: bool = False
    """Make mels of the stems that are there, and separate nothing."""
    force: bool = False
    """Make again what is there already."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Separate; return the exit code."""
        from editorbot.analysis.demucs import check_model_name
        from editorbot.corpus.batch import run_batch
        from editorbot.corpus.cache_files import CacheFolder
        from editorbot.corpus.precache import find_samples

        check_workers(self.workers)
        check_model_name(self.stem_model)
        if self.device not in DEVICES:
            raise UsageError(f"--device must be one of {', '.join(DEVICES)}, but is {self.device!r}")
        listed = find_samples(Path(self.data_dir), self.samples)
        for problem in listed.problems:
            print(problem, file=sys.stderr)
        failures: list[EditorbotError] = list(listed.problems)
        folder, device, made = CacheFolder(Path(self.cache_dir)), self._device(), 0
        jobs = [
            StemJob(
                pair.sample, pair.raw, folder.stems(pair.sample), folder.stems_mel(pair.sample), self.stem_model,
                device, self.force, self.only_mel,
            )
            for pair in listed.pairs
        ]  # fmt: skip
        for done in run_batch(jobs, make_stems, workers=self.workers):
            if done.result is None:
                failures.append(told(done.error, done.job.raw))
                if isinstance(done.error, MissingExtraError):
                    break  # it would be the same with all others
            elif done.result:
                made += 1
                print(f"{printable(done.job.sample)}: {', '.join(done.result)} made")
        there = len(jobs) - made - (len(failures) - len(listed.problems))
        passed = f", {there} were there already" if there > 0 and not _is_missing(failures) else ""
        where = printable(self.cache_dir)
        print(f"{made} recordings taken apart{passed}, {len(failures)} problems; stems are in {where}")
        return failures[0].exit_code if failures else 0

    def _device(self) -> str:
        """Return where the model runs, and say so."""
        if self.only_mel:
            return "cpu"
        device = device_named(self.device)
        print(f"device: {device}", file=sys.stderr)
        return device


def _is_missing(failures: list[EditorbotError]) -> bool:
    return any(isinstance(error, MissingExtraError) for error in failures)


def make_stems(job: StemJob) -> tuple[str, ...]:
    """Make what is missing of one recording's stems; return what was made.

    Raises
    ------
    EditorbotError
        If the recording cannot be read, the model not be had, or nothing be written.
    """
    from editorbot.corpus.stem_cache import cache_stems, open_stems, read_stem_mels, stems_to_mel
    from editorbot.recording import open_recording

    made = []
    with open_recording(job.raw) as recording:
        stems = None if job.force and not job.only_mel else open_stems(job.stems)
        if stems is not None and not job.only_mel and not _belongs(stems, recording.digest, job.model):
            stems = None
        if stems is None and job.only_mel:
            raise UsageError("it has no stems yet; run: editorbot pairs stems", path=job.raw)
        if stems is None:
            cache_stems(recording, job.stems, separator(job.model, job.device))
            stems = open_stems(job.stems)
            made.append("stems")
    if stems is None:
        raise DamagedError("the stems cannot be read again; is another program writing there?", path=job.stems)
    if made or job.force or read_stem_mels(job.stems_mel) is None:
        try:
            stems_to_mel(stems, job.stems_mel)
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            raise DamagedError(f"the stems are damaged ({error}); --force makes them again", path=job.stems) from error
        made.append("mels")
    return tuple(made)


def _belongs(stems: StemFile, digest: str, model: str) -> bool:
    """Return whether stems are those of a recording by a model; stems of other programs do not say, and are kept."""
    return stems.digest in ("", digest) and stems.model in ("", model)


@cache
def separator(model: str, device: str) -> DemucsSeparator:
    """Return a separator, loaded once a process."""
    from editorbot.analysis.demucs import DemucsSeparator

    return DemucsSeparator(model, device=device)
