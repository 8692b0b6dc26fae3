"""The cache of analyses: the same sound is analyzed once.

The key of an entry is what it depends on: the recording's content, how it was analyzed, and the code and constants of
this package. Nothing depends on clocks, names or locks. An entry that cannot be read, or does not match its checksum,
counts as missing.

Conventions
-----------
An entry is ``MAGIC``, the SHA-256 of the rest, and the rest: an npz with the arrays of an
`Analysis` and its other fields as JSON text; pickle is refused.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import os
import sys
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from editorbot import __version__, timebase
from editorbot.analysis.analysis import ActivitySpan, Analysis, Section
from editorbot.atomic import write_whole
from editorbot.editlist.edit_list import Source
from editorbot.errors import EditorbotError
from editorbot.weights import shipped_weights

MAGIC = b"editorbot analysis 1\n"
MAX_BYTES = 2 << 30
"""Size beyond which the entries used longest ago are deleted, 2 GiB."""

_ENDING, _TEMPORARY = ".analysis", ".part"
_DIGEST_BYTES = hashlib.sha256().digest_size
_ZIP = b"PK"
"""First bytes of an npz; numpy would read other things too."""
_DOCUMENT = "document"
"""Name of the JSON text inside the npz."""


def cache_folder() -> Path:
    """Find the cache folder: ``EDITORBOT_CACHE_DIR``, or the platform's place for caches."""
    if chosen := os.environ.get("EDITORBOT_CACHE_DIR"):
        return Path(chosen)
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "editorbot" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "editorbot"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "editorbot"


@functools.cache
def code_version() -> str:
    """Digest the code, constants and weights that an analysis depends on."""
    digest = hashlib.sha256(__version__.encode())
    files = (path for path in Path(__file__).parent.iterdir() if path.is_file())
    weights = shipped_weights("beats"), shipped_weights("beats_linear").with_suffix(".json")
    for path in [Path(timebase.__file__), *weights, *sorted(files)]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class AnalysisCache:
    """Analyses in a folder; safe for many processes at once."""

    folder: Path
    """Folder of the entries; made at the first `store`."""
    max_bytes: int = MAX_BYTES
    """Size beyond which the entries used longest ago are deleted."""

    @classmethod
    def of_user(cls) -> AnalysisCache:
        """Make the cache of the user who runs this."""
        return cls(cache_folder() / "analysis")

    def path_of(self, source: Source, configuration: str = "") -> Path:
        """Compute the path of a recording's analysis, wherever the recording is.

        `configuration` is what else the result depends on.
        """
        what = [source.digest, source.sample_rate, source.channels, source.samples, configuration, code_version()]
        return self.folder / (hashlib.sha256(json.dumps(what).encode()).hexdigest() + _ENDING)

    def load(self, source: Source, configuration: str = "") -> Analysis | None:
        """Read the analysis of a recording; None where there is no whole one."""
        path = self.path_of(source, configuration)
        try:
            analysis = decode(path.read_bytes(), source)
        except OSError:
            return None
        with contextlib.suppress(OSError):  # only the deletion of old entries reads times
            os.utime(path)
        return analysis

    def store(self, analysis: Analysis, configuration: str = "") -> str | None:
        """Write an analysis; return a warning where that fails."""
        path = self.path_of(analysis.source, configuration)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, encode(analysis))
            self._drop_oldest(path)
        except (OSError, EditorbotError) as error:
            reason = error.message if isinstance(error, EditorbotError) else error.strerror
            return f"CACHE: {self.folder} does not take the analysis ({reason}); it was not kept"
        return None

    def _drop_oldest(self, newest: Path) -> None:
        """Delete the entries used longest ago until the rest fits; another process may delete them first."""
        entries = []
        for path in self.folder.iterdir():
            try:
                entries.append((path.stat().st_mtime, path.stat().st_size, path))
            except FileNotFoundError:
                continue
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total <= self.max_bytes:
                return
            if path != newest and path.suffix in (_ENDING, _TEMPORARY):
                path.unlink(missing_ok=True)
                total -= size


def encode(analysis: Analysis) -> bytes:
    """Turn an analysis into the bytes of an entry."""
    arrays, rest = {}, {}
    for field in fields(analysis):
        value = getattr(analysis, field.name)
        if isinstance(value, np.ndarray):
            arrays[field.name] = value
        elif field.name != "source":
            rest[field.name] = value
    body = io.BytesIO()
    text = np.frombuffer(json.dumps(rest, default=asdict).encode(), dtype=np.uint8)
    np.savez(body, allow_pickle=False, **{_DOCUMENT: text}, **arrays)
    payload = body.getvalue()
    return MAGIC + hashlib.sha256(payload).digest() + payload


def decode(entry: bytes, source: Source) -> Analysis | None:
    """Read the analysis in an entry, as one of `source`; None where a single byte is wrong."""
    head = len(MAGIC) + _DIGEST_BYTES
    payload = entry[head:]
    if entry[:head] != MAGIC + hashlib.sha256(payload).digest() or not payload.startswith(_ZIP):
        return None
    try:
        with np.load(io.BytesIO(payload), allow_pickle=False) as archive:
            arrays = dict(archive)
        rest = json.loads(arrays.pop(_DOCUMENT).tobytes())
        rest["sections"] = tuple(Section(**section) for section in rest["sections"])
        rest["activity"] = tuple(ActivitySpan(**span) for span in rest["activity"])
        rest["warnings"] = tuple(rest["warnings"])
        return Analysis(source=source, **arrays, **rest)
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        # A sound entry of something else, made by hand for example.
        return None
