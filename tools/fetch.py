"""Fills a music folder: packages are fetched, checked, unpacked and listed; complete ones are left as they are.

Layout: ``SPLIT/ARTIST/TRACK`` for music, ``sounds/PACKAGE/FILE`` for soundfonts and drum kits, ``packages/`` for one
list a package, written last, so that a package with a list is complete; ``manifest.json``. A fetched package is
deleted after its tracks are unpacked: most of a game's data is no music.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from editorbot.atomic import write_whole
from editorbot.errors import DamagedError, EditorbotError, MissingExtraError, NotFoundError, write_error
from editorbot.recording import TrackWriter, open_recording
from tools.music import Package, TrackEntry, folder_of, write_manifest
from tools.music_table import package_named
from tools.packages import COPYRIGHT, Track, check_deb, tracks_in

PACKAGES_FOLDER = "packages"
"""Folder of the lists, and of a package while it is fetched."""

LOUDEST = 0.98
"""Peak of a mix whose layers would add up to more than full scale."""

MIDI_ENDINGS = (".mid", ".midi")


@dataclass(frozen=True)
class Fetched:
    """The result for one package."""

    package: Package
    """The package."""
    entries: tuple[TrackEntry, ...] = ()
    """Its files."""
    was_there: bool = False
    """Whether it was there already."""
    error: EditorbotError | None = None
    """Its error."""

    @property
    def note(self) -> str:
        """A warning, if it does not hold what was expected."""
        music = sum(entry.split is not None for entry in self.entries)
        if self.package.split is None or music == self.package.tracks or self.error is not None:
            return ""
        return f"it holds {music} tracks, but {self.package.tracks} were expected; it is another version"


def fetch_package(name: str, folder: Path, source: Path | None = None) -> Fetched:
    """Fetch one package into a music folder; an error becomes part of the result.

    `source` is a folder with ``.deb`` files that were fetched elsewhere; by default apt-get fetches them.
    """
    try:
        package = package_named(name)
    except EditorbotError as error:
        return Fetched(Package(name, "", "", 0), error=error)
    try:
        there = _listed(folder, package)
        if there is not None:
            return Fetched(package, there, was_there=True)
        deb = _deb_of(package, folder, source)
        entries = _unpack(deb, package, folder)
        _write(_list_of(folder, package), json.dumps([asdict(entry) for entry in entries], indent=1).encode())
        if source is None:
            _delete(deb)
    except EditorbotError as error:
        return Fetched(package, error=error)
    return Fetched(package, entries)


def write_all(folder: Path, fetched: Sequence[Fetched]) -> tuple[TrackEntry, ...]:
    """Write the manifest of all packages in the folder, also those of earlier runs; return it."""
    by_name = {one.package.name: one.entries for one in fetched if one.error is None}
    for path in sorted((folder / PACKAGES_FOLDER).glob("*.json")):
        if path.stem not in by_name:
            by_name[path.stem] = _listed(folder, package_named(path.stem)) or ()
    entries = tuple(entry for name in sorted(by_name) for entry in by_name[name])
    write_manifest(folder, entries)
    return entries


def _list_of(folder: Path, package: Package) -> Path:
    return folder / PACKAGES_FOLDER / f"{package.name}.json"


def _listed(folder: Path, package: Package) -> tuple[TrackEntry, ...] | None:
    """Read a package's list; None if there is none, or a file is missing or has another size."""
    try:
        entries = tuple(TrackEntry(**entry) for entry in json.loads(_list_of(folder, package).read_bytes()))
        whole = all((folder / entry.path).stat().st_size == entry.bytes for entry in entries)
    except (OSError, ValueError, TypeError):
        return None
    return entries if whole and entries else None


def _deb_of(package: Package, folder: Path, source: Path | None) -> Path:
    """Find an intact ``.deb`` of a package, or fetch it."""
    place = source if source is not None else folder / PACKAGES_FOLDER
    found = _newest(place, package)
    if found is not None:
        try:
            check_deb(found)
            return found
        except DamagedError:
            if source is not None:
                raise
            _delete(found)  # broken off in an earlier run
    if source is not None:
        raise NotFoundError(f"no {package.name}_*.deb is in it; fetch it with apt-get download", path=source)
    _download(package, place)
    found = _newest(place, package)
    if found is None:
        raise NotFoundError(f"apt-get left no {package.name}_*.deb there", path=place)
    check_deb(found)
    return found


def _newest(folder: Path, package: Package) -> Path | None:
    return max(folder.glob(f"{package.name}_*.deb"), key=lambda path: path.stat().st_mtime, default=None)


def _download(package: Package, folder: Path) -> None:
    """Fetch a package by apt-get, which checks size and hash."""
    if shutil.which("apt-get") is None:
        raise MissingExtraError(
            "apt-get is not on this system; on a Debian or Ubuntu, fetch the packages with apt-get download "
            f"{package.name}, bring the .deb files here and give their folder with --from"
        )
    _make(folder)
    done = subprocess.run(
        ["apt-get", "download", package.name], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["it gave no reason"]
        raise NotFoundError(f"apt-get could not fetch {package.name} ({said[0]}); run apt-get update, or give --from")


def _unpack(deb: Path, package: Package, folder: Path) -> tuple[TrackEntry, ...]:
    """Write the tracks of a package; return their lines for the manifest."""
    target = folder / folder_of(package)
    written: dict[str, None] = {}
    layers: dict[str, list[Track]] = {}
    seen: set[bytes] = set()
    for track in tracks_in(deb, package):
        if track.of:
            layers.setdefault(track.of, []).append(track)
        elif track.name == COPYRIGHT:
            _write(target / COPYRIGHT, track.content)
        elif (digest := hashlib.sha256(track.content).digest()) not in seen:  # some play one track under two names
            seen.add(digest)
            name = _free_name(track.name, written)
            _write(target / name, track.content)
            written[name] = None
    for song, tracks in sorted(layers.items()):
        _write_mix(target / f"{song}.flac", tracks)
        written[f"{song}.flac"] = None
    entries = tuple(entry_of(target / name, package, folder) for name in sorted(written))
    kept = tuple(entry for entry in entries if not _too_short(entry, package))
    for entry in set(entries) - set(kept):
        _delete(folder / entry.path)
    if not kept:
        raise DamagedError("no tracks are in it; it is another version than the ones known", path=deb)
    return kept


def _too_short(entry: TrackEntry, package: Package) -> bool:
    return entry.length_s is not None and entry.length_s < package.least_s


def _free_name(name: str, taken: dict[str, None]) -> str:
    """Choose a name that no track has yet."""
    path, number = Path(name), 2
    while name in taken:
        name, number = f"{path.stem}_{number}{path.suffix}", number + 1
    return name


def _write_mix(path: Path, layers: Sequence[Track]) -> None:
    """Write the sum of a song's layers; the shortest one's length, quieter where it would clip."""
    _make(path.parent)
    places = [path.with_name(f".{path.stem}.{number}{Path(layer.name).suffix}") for number, layer in enumerate(layers)]
    try:
        for place, layer in zip(places, layers):
            _write(place, layer.content)
        sounds, rates = [], set()
        for place in places:
            with open_recording(place) as recording:
                sounds.append(recording.read(0, recording.samples))
                rates.add(recording.sample_rate)
    finally:
        for place in places:
            place.unlink(missing_ok=True)
    if len(rates) != 1 or len({sound.shape[1] for sound in sounds}) != 1:
        raise DamagedError("the layers of the song do not fit one another", path=path)
    length = min(len(sound) for sound in sounds)
    mix = np.sum([sound[:length] for sound in sounds], axis=0)
    mix *= min(1.0, LOUDEST / max(float(np.abs(mix).max()), 1e-9))
    with TrackWriter(path, rates.pop(), mix.shape[1], "PCM_16", total_samples=length) as file:
        file.write(np.ascontiguousarray(mix))


def entry_of(path: Path, package: Package, folder: Path) -> TrackEntry:
    """Make the line of the manifest for one file.

    Raises
    ------
    EditorbotError
        Whatever `open_recording` raises for a track that cannot be read.
    """
    return TrackEntry(
        path=path.relative_to(folder).as_posix(),
        package=package.name,
        artist=package.name,
        licence=package.licence,
        length_s=None if package.split is None else _length_s(path),
        format=path.suffix[1:].lower(),
        split=package.split,
        bytes=path.stat().st_size,
    )


def _length_s(path: Path) -> float | None:
    """Measure the length of a track [seconds]."""
    if path.suffix.lower() not in MIDI_ENDINGS:
        with open_recording(path) as recording:
            return round(recording.duration_s, 3)
    try:
        import mido
    except ImportError:
        return None
    try:
        return round(float(mido.MidiFile(path, clip=True).length), 3)
    except (OSError, ValueError, EOFError, IndexError, KeyError) as error:
        raise DamagedError(f"this MIDI file cannot be read ({error})", path=path) from error


def _write(path: Path, content: bytes) -> None:
    _make(path.parent)
    write_whole(path, content)


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise write_error(error, path) from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(error, folder) from error
