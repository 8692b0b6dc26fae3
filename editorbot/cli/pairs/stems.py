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
from editorbot.cli.pairs.batch_report import BatchReport, check_workers
from editorbot.errors import DamagedError, MissingExtraError, UsageError, printable

if TYPE_CHECKING:
    from editorbot.analysis.demucs import DemucsSeparator
    from editorbot.corpus.stem_cache import StemFile


DEVICES = ("auto", "cpu", "cuda")
"""Devices that the model can run on."""


@dataclass(frozen=True)
class Stems:
    """Separate every raw recording into drums, bass, vocals and the rest; needs the extra stems.

    Example: editorbot pairs stems --data-dir training_data --workers 2
    """

    samples: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names of pairs; all pairs by default."""
    data_dir: str = "training_data"
    """Folder with input/NAME_raw.wav and desired_output/NAME_edit.wav."""
    cache_dir: str = "cache"
    """Folder for stems/NAME_stems.npz and stems_mel/NAME_stems.npz."""
    stem_model: str = "hf://htdemucs"
    """A Demucs model of the hub, or a .safetensors file."""
    device: str = "auto"
    """cpu, cuda, or auto: a graphics card if there is one."""
    workers: int = 1
    """Processes at work; the results do not depend on it."""
    only_mel: bool = False
    """Make mels of the stems that are there; separate nothing."""
    force: bool = False
    """Make again what is there already."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Separate; return the exit code."""
        from editorbot.analysis.demucs import check_model_name
        from editorbot.corpus.batch import run_batch
        from editorbot.corpus.cache_files import CacheFolder
        from editorbot.corpus.pairs import find_pairs

        check_workers(self.workers)
        check_model_name(self.stem_model)
        if self.device not in DEVICES:
            raise UsageError(f"--device must be one of {', '.join(DEVICES)}, but is {self.device!r}")
        listed = find_pairs(Path(self.data_dir), self.samples)
        report, made = BatchReport(listed.problems), 0
        folder, device = CacheFolder(Path(self.cache_dir)), self._device()
        jobs = [
            StemJob(
                pair.sample, pair.raw, folder.stems(pair.sample), folder.stems_mel(pair.sample), self.stem_model,
                device, self.force, self.only_mel,
            )
            for pair in listed.pairs
        ]  # fmt: skip
        for done in run_batch(jobs, make_stems, workers=self.workers):
            if done.result is None:
                report.add_failure(done.error, done.job.raw)
                if isinstance(done.error, MissingExtraError):
                    # It would be the same for all others.
                    return report.finish(f"{made} recordings taken apart", "stems are in", self.cache_dir)
            elif done.result:
                made += 1
                print(f"{printable(done.job.sample)}: {', '.join(done.result)} made")
        there = len(jobs) - made - report.failed
        return report.finish(f"{made} recordings taken apart", "stems are in", self.cache_dir, already_there=there)

    def _device(self) -> str:
        """Choose where the model runs, and print it."""
        if self.only_mel:
            return "cpu"
        device = device_named(self.device)
        print(f"device: {device}", file=sys.stderr)
        return device


@dataclass(frozen=True)
class StemJob:
    """One raw recording to be separated."""

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


def make_stems(job: StemJob) -> tuple[str, ...]:
    """Make what is missing of one recording's stems; return what was made.

    Raises
    ------
    EditorbotError
        If the recording cannot be read, the model cannot be loaded, or the stems cannot be written.
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
    """Whether stems are of a recording by a model; stems of other programs do not say, and are kept."""
    return stems.digest in ("", digest) and stems.model in ("", model)


@cache
def separator(model: str, device: str) -> DemucsSeparator:
    """Load a separator, once a process."""
    from editorbot.analysis.demucs import DemucsSeparator

    return DemucsSeparator(model, device=device)
