"""Entries of the learn line's cache: whole or not there; stems on disk; batches; the commands."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from editorbot.cli.main import main
from editorbot.corpus.batch import run_batch
from editorbot.corpus.cache_files import CacheFolder, read_array, read_entry, write_array, write_entry
from editorbot.corpus.mel_scan import mel_of
from editorbot.corpus.precache import keep_labels, read_mel
from editorbot.corpus.stem_cache import open_stems, read_stem_mels, stems_to_mel, write_stems
from editorbot.errors import MissingExtraError, SilentError
from tests.sounds import band, write

RATE = 22_050
CHECKOUT = Path(__file__).parents[2]


def song(seed: int) -> np.ndarray:
    """Return 20 seconds of which hardly anything comes twice."""
    return np.concatenate([band(10.0, RATE, seed=seed), band(10.0, RATE, seed=seed + 9, root_hz=147.0)])


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two pairs: an edit with a cut, and one that is the recording's first half."""
    data = tmp_path / "training_data"
    for folder in ("input", "desired_output"):
        (data / folder).mkdir(parents=True)
    for seed, sample in enumerate(("blues", "waltz")):
        raw = song(seed)
        write(data / f"input/{sample}_raw.wav", raw)
        write(data / f"desired_output/{sample}_edit.wav", np.concatenate([raw[: 6 * RATE], raw[14 * RATE :]]))
    return data


def precache(pairs: Path, *more: str) -> int:
    cache = str(pairs.parent / "cache")
    return main(
        ["pairs", "precache", "--data_dir", str(pairs), "--cache-dir", cache, "--no-picture", "--no-cache", *more]
    )


def test_precache_makes_what_is_missing_and_no_more(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert precache(pairs) == 0
    assert "2 pairs made ready, 0 problems" in capsys.readouterr().out
    cache = CacheFolder(pairs.parent / "cache")
    raw, labels = read_mel(cache.raw("blues")), read_array(cache.labels("blues"))
    assert raw is not None
    assert raw.mel.shape == (128, 1 + 20 * RATE // 512)
    assert raw.mel.max() == pytest.approx(1.0)
    assert labels is not None
    assert labels.dtype == np.int8
    assert len(labels) == len(raw.beats_s)
    kept_s = raw.beats_s[labels == 1]
    assert not ((kept_s > 6.5) & (kept_s < 13)).any()
    pointers = np.load(pairs / "pointer_sequences/blues_pointers.npy")
    assert len(pointers) == 1 + 12 * RATE // 512
    assert precache(pairs) == 0
    assert "0 pairs made ready, 2 were there already" in capsys.readouterr().out
    # Damage, another recording, a missing file: each is a miss, and its pair alone is made again.
    cache.edit("blues").write_bytes(cache.edit("blues").read_bytes()[:-5_000])
    (pairs / "pointer_sequences/waltz_ops.npy").unlink()
    assert precache(pairs) == 0
    out = capsys.readouterr().out
    assert "blues: edit made" in out
    assert "waltz: pointers made" in out
    write(pairs / "input/blues_raw.wav", 0.7 * song(0))
    assert precache(pairs, "blues") == 0
    assert "blues: raw, pointers" in capsys.readouterr().out


def test_one_bad_pair_leaves_the_others_alone(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(pairs / "input/blues_raw.wav", np.zeros(20 * RATE))
    write(pairs / "input/alone_raw.wav", np.zeros(20 * RATE))
    code = precache(pairs)
    said = capsys.readouterr()
    assert code != 0
    assert "1 pairs made ready, 2 problems" in said.out
    assert "error[SILENT]" in said.err
    assert "alone_edit.wav is missing" in said.err
    assert CacheFolder(pairs.parent / "cache").labels("waltz").exists()


def test_unknown_names_and_workers_are_refused(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert precache(pairs, "rock") == 3
    assert "'rock'" in capsys.readouterr().err
    assert precache(pairs, "--workers", "0") == 2
    assert main(["pairs", "stems", "--data-dir", str(pairs), "--device", "tpu"]) == 2


def test_entries_with_objects_or_damage_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, mel=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert read_entry(path) is None
    assert read_mel(path) is None
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert read_array(tmp_path / "a.npy") is None
    write_entry(path, {"mel": np.arange(4_000)})
    whole = path.read_bytes()
    for end in range(0, len(whole), 97):
        path.write_bytes(whole[:end])
        assert read_entry(path) is None
    for at in range(200, len(whole) - 300, 331):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        assert read_entry(path) is None
    assert read_entry(tmp_path / "none.npz") is None
    write_array(tmp_path / "b.npy", np.arange(3))
    np.testing.assert_array_equal(read_array(tmp_path / "b.npy"), np.arange(3))
    (tmp_path / "b.npy").write_bytes((tmp_path / "b.npy").read_bytes()[:-1])
    assert read_array(tmp_path / "b.npy") is None


def test_many_writers_of_one_entry_leave_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "deep/a.npz"
    writers = [threading.Thread(target=write_entry, args=(path, {"x": np.full(50_000, k)})) for k in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    entry = read_entry(path)
    assert entry is not None
    assert len(set(entry["x"])) == 1
    assert [one.name for one in path.parent.iterdir()] == ["a.npz"]


def test_a_beat_is_kept_where_half_of_it_is_heard() -> None:
    beats_s = np.arange(4) * 10 * 512 / RATE
    assert keep_labels(np.arange(0, 15), beats_s, 40).tolist() == [1, 1, 0, 0]
    assert keep_labels(np.arange(0, 14), beats_s, 40).tolist() == [1, 0, 0, 0]
    assert keep_labels(np.array([-1, -1]), beats_s, 40).tolist() == [0, 0, 0, 0]
    # At twice the speed every second frame is passed over, but heard.
    assert keep_labels(np.arange(20, 40, 2), beats_s, 40).tolist() == [0, 0, 1, 1]


def work(number: int) -> int:
    if number == 2:
        raise SilentError("nothing")
    if number == 3:
        raise ZeroDivisionError("a bug")
    return number * 10


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_stays_alone(workers: int) -> None:
    done = sorted(run_batch([1, 2, 3, 4], work, workers=workers), key=lambda one: one.job)
    assert [one.result for one in done] == [10, None, None, 40]
    errors = [one.error for one in done if one.error is not None]
    assert [error.code for error in errors] == ["SILENT", "BUG"]
    assert all(error.__traceback__ is None for error in errors)  # nothing that a frame holds is kept


def test_stems_are_kept_and_read_by_block(tmp_path: Path) -> None:
    stems = np.random.default_rng(0).standard_normal((4, 2, 9_999)).astype(np.float32)
    path = tmp_path / "stems/a_stems.npz"
    blocks = (stems[:, :, start : start + 1_000] for start in range(0, 9_999, 1_000))
    write_stems(path, blocks, samples=9_999, sample_rate=8_000, digest="sha256:1", model="m")
    with np.load(path, allow_pickle=False) as archive:
        assert set(archive.files) == {"drums", "bass", "vocals", "other", "sample_rate", "digest", "model"}
        np.testing.assert_array_equal(archive["bass"], stems[1])
        assert archive["sample_rate"] == 8_000
    kept = open_stems(path)
    assert kept is not None
    assert (kept.samples, kept.sample_rate, kept.digest, kept.model) == (9_999, 8_000, "sha256:1", "m")
    np.testing.assert_array_equal(np.concatenate(list(kept.blocks(1_234)), axis=2), stems)
    path.write_bytes(path.read_bytes()[:-100])
    assert open_stems(path) is None
    assert [one.name for one in path.parent.iterdir()] == ["a_stems.npz"]


def test_stems_of_other_programs_are_read(tmp_path: Path) -> None:
    sound = np.ones((2, 100), dtype=np.float32)
    for name, writer in (("a", np.savez), ("b", np.savez_compressed)):
        writer(tmp_path / f"{name}.npz", drums=sound, bass=sound, vocals=sound, other=sound, sample_rate=8_000)
        kept = open_stems(tmp_path / f"{name}.npz")
        assert kept is not None
        assert next(iter(kept.blocks())).shape == (4, 2, 100)
    np.savez(tmp_path / "c.npz", drums=sound, bass=sound, vocals=sound, other=sound)
    assert open_stems(tmp_path / "c.npz") is None
    objects = np.array([{}], dtype=object)
    np.savez(tmp_path / "d.npz", drums=objects, bass=sound, vocals=sound, other=sound, sample_rate=1, allow_pickle=True)
    assert open_stems(tmp_path / "d.npz") is None


def test_too_few_samples_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="promised"):
        write_stems(tmp_path / "a.npz", [np.zeros((4, 2, 5), np.float32)], samples=6, sample_rate=8_000)
    assert list(tmp_path.iterdir()) == []


def test_mels_of_stems_share_one_reference(tmp_path: Path) -> None:
    music = band(3.0, RATE).astype(np.float32)
    stems = np.stack([np.stack([share * music] * 2) for share in (1.0, 0.1, 0.0, 1.0)]).astype(np.float32)
    write_stems(tmp_path / "a.npz", [stems], samples=len(music), sample_rate=RATE)
    kept = open_stems(tmp_path / "a.npz")
    assert kept is not None
    stems_to_mel(kept, tmp_path / "m.npz")
    mels = read_stem_mels(tmp_path / "m.npz")
    assert mels is not None
    np.testing.assert_allclose(mels[0], mel_of(music), atol=1e-5)
    seen = mels[1] > 0
    np.testing.assert_allclose((mels[0] - mels[1])[seen & (mels[0] < 1)], 20 / 80, atol=1e-3)
    assert not mels[2].any()
    assert read_stem_mels(tmp_path / "a.npz") is None


def test_the_commands_make_stems_and_mels(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("demucs")
    from tests.analysis.tiny_demucs import save_tiny_demucs

    save_tiny_demucs(pairs.parent / "tiny.safetensors")
    for half in ("input", "desired_output"):
        for path in (pairs / half).iterdir():
            write(path, band(3.0, RATE))
    cache = pairs.parent / "cache"
    stems = ["pairs", "stems", "--data_dir", str(pairs), "--cache_dir", str(cache)]
    model = ["--stem-model", str(pairs.parent / "tiny.safetensors"), "--device", "cpu"]
    assert main([*stems, "--only-mel"]) == 2
    assert main([*stems, *model]) == 0
    assert "2 recordings taken apart" in capsys.readouterr().out
    mel = cache / "stems_mel/blues_stems.npz"
    before = mel.read_bytes()
    mel.unlink()
    assert main([*stems, "--only-mel"]) == 0
    assert mel.read_bytes() == before
    assert main([*stems, *model]) == 0
    assert "0 recordings taken apart, 2 were there already" in capsys.readouterr().out
    assert main([*stems, "--stem-model", "htdemucs"]) == 2


def test_without_the_package_the_batch_says_so_once(
    pairs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from editorbot.cli.pairs.stems import separator

    separator.cache_clear()
    monkeypatch.setitem(sys.modules, "demucs.apply", None)
    assert main(["pairs", "stems", "--data-dir", str(pairs), "--device", "cpu"]) == MissingExtraError.exit_code
    assert capsys.readouterr().err.count("-m pip install ") == 1


@pytest.mark.parametrize(
    "command",
    [["-m", "pointer_network.precache_samples"], ["scripts/precache_stems.py"], ["scripts/convert_stems_to_mel.py"]],
)
def test_the_original_commands_run_from_the_checkout(tmp_path: Path, command: list[str]) -> None:
    given = [sys.executable, *command, "--data_dir", str(tmp_path / "none"), "--cache_dir", str(tmp_path)]
    done = subprocess.run(given, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert "there is no such folder" in done.stderr
