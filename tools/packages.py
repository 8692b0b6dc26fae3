"""Unpacks music out of Debian packages and games' archives, in Python alone.

A ``.deb`` is an ``ar`` archive that holds a tar; inside lie tracks, zips that are called ``.pk3``, or WADs: header
``IWAD`` or ``PWAD``, count, offset; at the offset a directory of (position, size, name of 8 characters). Nothing is
ever written under a name that an archive chose: only the last part of a name is used, and cleaned.
"""

from __future__ import annotations

import fnmatch
import io
import lzma
import re
import shutil
import struct
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from editorbot.errors import DamagedError, MissingExtraError, NotFoundError, write_error
from tools.music import Package

AR_MAGIC, AR_HEADER = b"!<arch>\n", 60
"""Start of an ar archive, and the bytes of a member's header."""

WAD_MAGICS = (b"IWAD", b"PWAD")
MIDI_MAGIC = b"MThd"

COPYRIGHT = "COPYRIGHT"
"""Name under which a package's copyright file is kept."""


@dataclass(frozen=True)
class Track:
    """One track taken out of a package, or a layer of one."""

    name: str
    """File name, without folders."""
    content: bytes
    """What is in it."""
    of: str = ""
    """The song that it is a layer of; empty for whole tracks."""


def check_deb(path: Path) -> None:
    """Check that a package is whole: every member of the archive fits into the file.

    Raises
    ------
    NotFoundError
        If there is no such file.
    DamagedError
        If it is no package, or cut short.
    """
    with _data_of(path):
        pass


def tracks_in(path: Path, package: Package) -> Iterator[Track]:
    """Yield the tracks of a package, and its copyright file.

    Raises
    ------
    NotFoundError
        If there is no such file.
    DamagedError
        If it is damaged.
    MissingExtraError
        If it is compressed by zstd, and nothing here can read that.
    OutputError
        If an archive in it finds no room among the temporary files.
    """
    try:
        with _tar_of(path) as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if not member.isfile():
                    continue
                if name == f"usr/share/doc/{package.name}/copyright":
                    yield Track(COPYRIGHT, _read(tar, member))
                elif _wanted(name, package.inside, package):
                    yield from _unpacked(tar, member, package)
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, zipfile.BadZipFile, struct.error) as error:
        raise DamagedError(f"the package cannot be unpacked ({error}); fetch it again", path=path) from error


def _wanted(name: str, patterns: str, package: Package) -> bool:
    """Return whether a file is among what is wanted of a package."""
    matches = any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns.split("|"))
    return matches and Path(name).name not in package.left_out


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return b"" if file is None else file.read()


def _unpacked(tar: tarfile.TarFile, member: tarfile.TarInfo, package: Package) -> Iterator[Track]:
    """Yield the tracks in one file of a package."""
    if package.layout == "zip":
        yield from _tracks_in_zip(tar, member, package)
    elif package.layout == "wad":
        yield from midi_in_wad(_read(tar, member))
    else:
        song = clean_name(member.name.split("/")[-2]) if package.layout == "stems" else ""
        yield Track(clean_name(member.name), _read(tar, member), of=song)


def _tracks_in_zip(tar: tarfile.TarFile, member: tarfile.TarInfo, package: Package) -> Iterator[Track]:
    """Yield the tracks in an archive; it lies on the disk meanwhile, for some hold a whole game."""
    with tempfile.TemporaryFile() as place:
        file = tar.extractfile(member)
        try:
            shutil.copyfileobj(io.BytesIO() if file is None else file, place)
        except OSError as error:
            raise write_error(error, tempfile.gettempdir()) from error
        with zipfile.ZipFile(place) as archive:
            for entry in archive.namelist():
                if _wanted(entry, package.tracks_inside, package):
                    yield Track(clean_name(entry), archive.read(entry))


def clean_name(name: str) -> str:
    """Return the last part of a name, fit for every file system.

    Examples
    --------
    >>> clean_name("music/../../Media Threat: 2.ogg")
    'Media Threat_ 2.ogg'
    """
    last = re.sub(r"[^\w .+()'-]+", "_", name.replace("\\", "/").rsplit("/", 1)[-1]).strip(" .")
    return last or "track"


def midi_in_wad(content: bytes) -> Iterator[Track]:
    """Yield the MIDI lumps of a WAD.

    Raises
    ------
    struct.error
        If its directory lies beyond its end.

    Examples
    --------
    >>> wad = b"IWAD" + struct.pack("<ii", 1, 16) + b"MThd" + struct.pack("<ii", 12, 4) + b"D_E1M1" + bytes(2)
    >>> [(track.name, track.content) for track in midi_in_wad(wad)]
    [('D_E1M1.mid', b'MThd')]
    """
    magic, count, offset = struct.unpack_from("<4sii", content)
    if magic not in WAD_MAGICS or count < 0 or offset < 0:
        raise struct.error("this is no WAD")
    for number in range(count):
        position, size, raw = struct.unpack_from("<ii8s", content, offset + 16 * number)
        if position < 0 or size < 0 or position + size > len(content):
            raise struct.error(f"lump {number} lies beyond the end")
        if content[position : position + len(MIDI_MAGIC)] == MIDI_MAGIC:
            name = raw.split(b"\0")[0].decode("ascii", "replace")
            yield Track(clean_name(f"{name}.mid"), content[position : position + size])


@dataclass(frozen=True)
class _Data:
    """Where the files of a package lie in it."""

    name: str
    """Name of the member: data.tar with an ending."""
    file: IO[bytes]
    """The package, standing at the member's first byte."""
    size: int
    """Length of the member [bytes]."""


@contextmanager
def _data_of(path: Path) -> Iterator[_Data]:
    """Open a package at its files."""
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise NotFoundError("there is no such package", path=path) from error
    with file:
        whole = path.stat().st_size
        if file.read(len(AR_MAGIC)) != AR_MAGIC:
            raise DamagedError("this is no Debian package; fetch it again", path=path)
        found: _Data | None = None
        place = len(AR_MAGIC)
        while place < whole:
            file.seek(place)
            header = file.read(AR_HEADER)
            text = header[48:58].strip()
            if len(header) < AR_HEADER or header[58:] != b"`\n" or not text.isdigit():
                raise DamagedError("the package is damaged or cut short; fetch it again", path=path)
            size, name = int(text), header[:16].decode("ascii", "replace").rstrip(" /")
            if place + AR_HEADER + size > whole:
                raise DamagedError(f"the package is cut short inside {name}; fetch it again", path=path)
            if name.startswith("data.tar"):
                found = _Data(name, file, size)
                at = place + AR_HEADER
            place += AR_HEADER + size + size % 2
        if found is None:
            raise DamagedError("the package holds no files; fetch it again", path=path)
        file.seek(at)
        yield found


@contextmanager
def _tar_of(path: Path) -> Iterator[tarfile.TarFile]:
    """Open the tar of a package, member by member."""
    with _data_of(path) as data:
        if data.name.endswith(".zst"):
            yield from _by_dpkg(path)
            return
        # A stream: nothing is read twice, and the member's end is the end of the compressed data.
        with tarfile.open(fileobj=data.file, mode="r|*") as tar:
            yield tar


def _by_dpkg(path: Path) -> Iterator[tarfile.TarFile]:
    """Open the tar of a package that Python cannot decompress."""
    if shutil.which("dpkg-deb") is None:
        raise MissingExtraError("it is compressed by zstd, which only dpkg-deb can read; it is not here", path=path)
    command = ["dpkg-deb", "--fsys-tarfile", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            yield tar
        if process.stdout is not None:
            process.stdout.read()
