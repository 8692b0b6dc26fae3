"""Kept analyses: the same as computed, and never an error."""

import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from editorbot.analysis import cache as cache_module
from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import MAGIC, AnalysisCache, cache_folder, decode, encode
from editorbot.recording import open_recording


def assert_same(one: Analysis, other: Analysis) -> None:
    for field in fields(Analysis):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right)
        else:
            assert left == right, field.name


@pytest.fixture
def cache(tmp_path: Path) -> AnalysisCache:
    return AnalysisCache(tmp_path / "kept")


def test_cold_warm_and_healed_are_equal(jam_path: str, analysis_of_jam: Analysis, cache: AnalysisCache) -> None:
    with open_recording(jam_path) as recording:
        cold = analyze(recording, cache=cache)
        entry = cache.path_of(recording.source)
        whole = entry.read_bytes()
        warm = analyze(recording, cache=cache)
        entry.write_bytes(whole[:-100])
        healed = analyze(recording, cache=cache)
    assert entry.read_bytes() == whole
    for other in (cold, warm, healed):
        assert_same(analysis_of_jam, other)


def test_a_hit_reads_no_sound(jam_path: str, cache: AnalysisCache, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_recording(jam_path) as recording:
        analyze(recording, cache=cache)
        monkeypatch.setattr("editorbot.analysis.analyze.listen", None)
        analyze(recording, cache=cache)


def test_every_damaged_byte_is_a_miss(analysis_of_jam: Analysis) -> None:
    small = replace(analysis_of_jam, steps=analysis_of_jam.steps[:2], features=analysis_of_jam.features[:1])
    entry = encode(small)
    for at in range(0, len(entry), 1 if len(entry) < 20_000 else 7):
        damaged = bytearray(entry)
        damaged[at] ^= 1 << (at % 8)
        assert decode(bytes(damaged), small.source) is None
    for length in range(0, len(entry), 97):
        assert decode(entry[:length], small.source) is None
    restored = decode(entry, small.source)
    assert restored is not None
    assert_same(small, restored)


def test_sound_entries_of_something_else_are_misses(analysis_of_jam: Analysis) -> None:
    import hashlib

    for payload in (b"", b"PK\x03\x04", b"{}", b"\x93NUMPY"):
        assert decode(MAGIC + hashlib.sha256(payload).digest() + payload, analysis_of_jam.source) is None


def test_a_hit_says_where_the_recording_lies_now(analysis_of_jam: Analysis, cache: AnalysisCache) -> None:
    assert cache.store(analysis_of_jam) is None
    moved = replace(analysis_of_jam.source, path="elsewhere.wav")
    kept = cache.load(moved)
    assert kept is not None
    assert kept.source == moved


def test_content_and_code_are_the_key(
    analysis_of_jam: Analysis, cache: AnalysisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.store(analysis_of_jam)
    source = analysis_of_jam.source
    assert cache.load(replace(source, digest="sha256:" + "0" * 64)) is None
    assert cache.load(source, "stems") is None
    assert cache.load(source) is not None
    monkeypatch.setattr(cache_module, "code_version", lambda: "another")
    assert cache.load(source) is None


def test_a_folder_that_takes_nothing_is_one_warning(jam_path: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with open_recording(jam_path) as recording:
        analysis = analyze(recording, cache=AnalysisCache(tmp_path / "file" / "kept"))
    assert [line.split(":")[0] for line in analysis.warnings].count("CACHE") == 1


def test_oldest_entries_are_dropped(analysis_of_jam: Analysis, tmp_path: Path) -> None:
    size = len(encode(analysis_of_jam))
    cache = AnalysisCache(tmp_path, max_bytes=int(2.5 * size))
    sources = [replace(analysis_of_jam.source, digest=f"sha256:{i:064d}") for i in range(4)]
    (tmp_path / "somebody-elses").write_text("stays")
    for age, source in enumerate(sources):
        cache.store(replace(analysis_of_jam, source=source))
        os.utime(cache.path_of(source), (1_000_000 + age, 1_000_000 + age))
    assert [cache.load(source) is not None for source in sources] == [False, False, True, True]
    assert (tmp_path / "somebody-elses").exists()


def test_many_processes_at_once(jam_path: str, analysis_of_jam: Analysis, cache: AnalysisCache) -> None:
    code = (
        "import sys; from pathlib import Path; from editorbot.analysis.cache import AnalysisCache; "
        "from editorbot.analysis.analyze import analyze; from editorbot.recording import open_recording; "
        "print(analyze(open_recording(sys.argv[1]), cache=AnalysisCache(Path(sys.argv[2]))).warnings)"
    )
    command = [sys.executable, "-c", code, jam_path, str(cache.folder)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for run in runs:
        out, err = run.communicate(timeout=100)
        assert (run.returncode, err) == (0, "")
        assert "CACHE" not in out
    assert [path.suffix for path in cache.folder.iterdir()] == [".analysis"]
    kept = cache.load(analysis_of_jam.source)
    assert kept is not None
    assert_same(kept, analysis_of_jam)


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"EDITORBOT_CACHE_DIR": "chosen"}, "chosen"),
        ("linux", {"XDG_CACHE_HOME": "xdg"}, "xdg/editorbot"),
        ("linux", {"HOME": "home"}, "home/.cache/editorbot"),
        ("darwin", {"HOME": "home"}, "home/Library/Caches/editorbot"),
        ("win32", {"LOCALAPPDATA": "local"}, "local/editorbot/Cache"),
    ],
)
def test_each_platform_has_its_place(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], expected: str
) -> None:
    for name in ("EDITORBOT_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cache_module.sys, "platform", platform)
    assert cache_folder().as_posix() == expected
