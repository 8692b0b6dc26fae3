"""Stems of raw recordings on disk, as sound and as mel.

An hour of stems is five gigabytes, so they are never in memory as a whole: they are written to disk block by block,
put into one npz, and read by block.

Conventions
-----------
``stems/{sample}_stems.npz``: drums, bass, vocals, other, each (2, samples) float32, and ``sample_rate``.
``stems_mel/{sample}_stems.npz``: drums, bass, vocals, other, each (128, frames) float32 in [0, 1], as the mel of a
recording is stored, relative to the largest value of all four: a stem that is hardly audible is dark. Both hold the
recording's ``digest``, and the sound the ``model`` that separated it.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from editorbot.analysis.spectrum import MEL_BANDS
from editorbot.analysis.stems import STEM_NAMES, Separator, separate_blocks, stem_samples
from editorbot.corpus.cache_files import read_entry, text_array, text_of, write_entry, writing
from editorbot.corpus.mel_scan import MelScan, relative_mel
from editorbot.recording import Recording
from editorbot.timebase import mono_samples

_BLOCK = 1 << 18
_LEAST_REFERENCE_DB = -20.0
"""Lowest reference: quieter stems stay dark; it is 80 dB above what counts as silence."""


@runtime_checkable
class ByteReader(Protocol):
    """A file, or a member of an archive."""

    def read(self, count: int = -1, /) -> bytes:
        """Read the next bytes, at most `count`."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Change the position."""
        ...


@dataclass(frozen=True)
class StemFile:
    """A file of stems whose headers are intact."""

    path: Path
    """The npz."""
    sample_rate: int
    """Rate of the stems [Hz]."""
    samples: int
    """Their length [samples]."""
    digest: str
    """Digest of their recording; empty if the file has none."""
    model: str
    """The model that separated it; empty if the file has none."""

    def blocks(self, size: int = _BLOCK) -> Iterator[Float32[np.ndarray, "4 2 _"]]:
        """Yield the stems in the order of STEM_NAMES, `size` samples at a time.

        Raises
        ------
        ValueError, OSError, zipfile.BadZipFile
            If the file is damaged inside.
        """
        with zipfile.ZipFile(self.path) as archive:
            # One reader a channel: the channels of a stem lie one after the other.
            readers = [_channel(archive, name, channel) for name in STEM_NAMES for channel in (0, 1)]
            for start in range(0, self.samples, size):
                count = min(size, self.samples - start)
                rows = [_floats(reader, count) for reader in readers]
                yield np.stack(rows).reshape(len(STEM_NAMES), 2, count)


def _channel(archive: zipfile.ZipFile, name: str, channel: int) -> ByteReader:
    """Open a reader at the first sample of a channel."""
    file = archive.open(f"{name}.npy")
    shape = _header(file, name)
    skip = channel * shape[1] * np.dtype(np.float32).itemsize
    file.seek(skip, 1)
    return file


def _header(file: ByteReader, name: str) -> tuple[int, ...]:
    """Read the header of an npy; raise a ValueError unless it is float32 of two channels, row by row."""
    major, _ = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, is_by_column, dtype = read(file)
    if dtype != np.dtype("<f4") or is_by_column or len(shape) != 2 or shape[0] != 2:
        raise ValueError(f"{name} must be float32 of shape (2, samples), but is {dtype} of shape {shape}")
    return tuple(shape)


def _floats(file: ByteReader, count: int) -> Float32[np.ndarray, " samples"]:
    content = file.read(4 * count)
    if len(content) < 4 * count:
        raise ValueError("the file ends too early")
    return np.frombuffer(content, dtype="<f4")


def open_stems(path: Path) -> StemFile | None:
    """Open a file of stems; None if there is none, or it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            shapes = set()
            for name in STEM_NAMES:
                with archive.open(f"{name}.npy") as file:
                    shapes.add(_header(file, name))
                if archive.getinfo(f"{name}.npy").file_size < 8 * max(shape[1] for shape in shapes):
                    return None
            if len(shapes) != 1:
                return None
            small = {name: _small(archive, name) for name in ("sample_rate", "digest", "model")}
        rate = small["sample_rate"]
        if rate is None or rate.ndim != 0 or rate.dtype.kind not in "iu" or rate <= 0:
            return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError):
        return None
    texts = {name: array for name, array in small.items() if array is not None}
    return StemFile(path, int(rate), shapes.pop()[1], text_of(texts, "digest"), text_of(texts, "model"))


def _small(archive: zipfile.ZipFile, name: str) -> np.ndarray | None:
    """Read one small array; None if there is none."""
    if f"{name}.npy" not in archive.namelist():
        return None
    with archive.open(f"{name}.npy") as file:
        array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
        return array


def write_stems(
    path: Path,
    blocks: Iterable[Float32[np.ndarray, "4 2 _"]],
    *,
    samples: int,
    sample_rate: int,
    digest: str = "",
    model: str = "",
) -> None:
    """Write stems, which come by block in the order of STEM_NAMES, into an npz.

    Raises
    ------
    OutputError, NoSpaceError
        If it cannot be written; then nothing is left.
    ValueError
        If the blocks do not add up to `samples`.
    """
    with writing(path) as file, tempfile.TemporaryDirectory(dir=path.parent, prefix=".stems-") as folder:
        _write_npys(Path(folder), blocks, samples)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name in STEM_NAMES:
                with (
                    open(Path(folder) / name, "rb") as source,
                    archive.open(f"{name}.npy", "w", force_zip64=True) as target,
                ):
                    shutil.copyfileobj(source, target, _BLOCK)
            for name, value in (
                ("sample_rate", np.array(sample_rate)),
                ("digest", text_array(digest)),
                ("model", text_array(model)),
            ):
                with archive.open(f"{name}.npy", "w") as target:
                    np.lib.format.write_array(target, value, allow_pickle=False)


def _write_npys(folder: Path, blocks: Iterable[Float32[np.ndarray, "4 2 _"]], samples: int) -> None:
    """Write the stems as npy files, block by block."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (2, samples)}
    files: list[IO[bytes]] = []
    try:
        for name in STEM_NAMES:
            files.append(open(folder / name, "wb"))  # noqa: SIM115 - closed below
            np.lib.format.write_array_header_1_0(files[-1], header)
        begins, done = files[0].tell(), 0
        for block in blocks:
            for file, stem in zip(files, block):
                for channel in (0, 1):
                    file.seek(begins + 4 * (channel * samples + done))
                    file.write(np.ascontiguousarray(stem[channel], dtype="<f4").tobytes())
            done += block.shape[2]
        if done != samples:
            raise ValueError(f"stems of {samples} samples were promised, but {done} came")
    finally:
        for file in files:
            file.close()


def cache_stems(
    recording: Recording, path: Path, separator: Separator, progress: Callable[[float], None] = lambda share: None
) -> None:
    """Separate a recording and write its stems."""
    write_stems(
        path,
        separate_blocks(recording, separator, progress),
        samples=stem_samples(recording, separator.sample_rate),
        sample_rate=separator.sample_rate,
        digest=recording.digest,
        model=separator.name,
    )


def stems_to_mel(stems: StemFile, path: Path) -> None:
    """Compute and write the mels of stems; errors as in `StemFile.blocks` and `write_entry`."""
    samples = mono_samples(stems.samples, stems.sample_rate)
    scans = [MelScan(samples, stems.sample_rate) for _ in STEM_NAMES]
    done = 0
    for block in stems.blocks():
        done += block.shape[2]
        for scan, stem in zip(scans, block):
            scan.update(stem.mean(axis=0), last=done == stems.samples)
    mels_db = [scan.finish() for scan in scans]
    reference_db = max(_LEAST_REFERENCE_DB, *(float(mel_db.max()) for mel_db in mels_db))
    arrays = {name: relative_mel(mel_db, reference_db) for name, mel_db in zip(STEM_NAMES, mels_db)}
    write_entry(path, arrays | {"digest": text_array(stems.digest)})


def read_stem_mels(path: Path) -> Float32[np.ndarray, "4 128 frames"] | None:
    """Read the mels of stems in the order of STEM_NAMES; None if there is no whole entry."""
    arrays = read_entry(path)
    if arrays is None or not all(name in arrays for name in STEM_NAMES):
        return None
    mels = [arrays[name] for name in STEM_NAMES]
    if len({mel.shape for mel in mels}) != 1 or mels[0].ndim != 2 or mels[0].shape[0] != MEL_BANDS:
        return None
    return np.stack(mels).astype(np.float32)
