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
        monkeypatch.setattr("editorbot.analysis.analyze.scan_recording", None)
        analyze(recording, cache=cache)


def _one_beat(analysis: Analysis) -> Analysis:
    by_beat = ("beats_s", "tempo_curve_bpm", "energy_db", "features", "steps")
    none = np.empty(0, dtype=np.int64)
    cut = {name: getattr(analysis, name)[:1] for name in by_beat}
    return replace(analysis, downbeats=none, phrases=none, **cut)


def test_every_damaged_byte_is_a_miss(analysis_of_jam: Analysis) -> None:
    small = _one_beat(analysis_of_jam)
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


def test_many_processes_at_once(analysis_of_jam: Analysis, cache: AnalysisCache, tmp_path: Path) -> None:
    small = _one_beat(analysis_of_jam)
    cache.store(small)
    code = (
        "import sys; from pathlib import Path; from editorbot.analysis.cache import AnalysisCache; "
        "from editorbot.editlist.edit_list import Source; "
        "source = Source(*sys.argv[2:4], *map(int, sys.argv[4:])); cache = AnalysisCache(Path(sys.argv[1])); "
        "analysis = cache.load(source); "
        "print([cache.store(analysis) is None and cache.load(source) is not None for _ in range(30)].count(True))"
    )
    source = [str(getattr(small.source, field.name)) for field in fields(small.source)]
    command = [sys.executable, "-c", code, str(cache.folder), *source]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(3)]
    answers = [run.communicate(timeout=100)[0].strip() for run in runs]
    assert answers == ["30"] * 3
    assert [path.suffix for path in cache.folder.iterdir()] == [".analysis"]


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
