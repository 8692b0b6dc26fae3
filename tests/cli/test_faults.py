"""Disks that fill up, folders that refuse, processes that are killed: old results stay whole, or new ones are whole."""

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from editorbot.analysis.cache import AnalysisCache
from editorbot.cli.main import main
from editorbot.editlist.json_format import read_edit_list
from editorbot.recording import TrackWriter, open_recording
from tests.sounds import band, write

ROOT = Path(__file__).parents[2]
RATE = 8_000
MOST_CALLS = 200


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDITORBOT_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    write(folder / "jam.wav", 0.5 * band(3, RATE), RATE)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() if entry.is_file() else b"folder" for entry in folder.iterdir()}


class Failing:
    """Makes the k-th call of the functions that reach the disk fail."""

    def __init__(self, number: int, at: int, folder: Path) -> None:
        self.number, self.at, self.folder, self.calls = number, at, str(folder), 0

    def wrap(self, function: Callable[..., object], *, writes_only: bool = False) -> Callable[..., object]:
        def wrapped(*arguments: object, **options: object) -> object:
            if not writes_only or (len(arguments) > 1 and "r" not in str(arguments[1])):
                self.calls += 1
                if self.calls == self.at:
                    raise OSError(self.number, os.strerror(self.number))
            return function(*arguments, **options)

        return wrapped


@contextmanager
def failing(number: int, at: int, folder: Path) -> Iterator[Failing]:
    """Fail the `at`-th write, sync, rename, link or making of a file with an error number."""
    import builtins
    import tempfile

    from editorbot.recording.callbacks import CallbackFile
    from editorbot.recording.encoders import WavEncoder

    fault = Failing(number, at, folder)
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((tempfile, "mkstemp"), (os, "mkdir"), (tempfile, "TemporaryFile"),
                             (os, "fsync"), (os, "replace"), (os, "chmod"), (os, "link"),
                             (WavEncoder, "write"), (WavEncoder, "finish")):  # fmt: skip
            patch.setattr(module, name, fault.wrap(getattr(module, name)))
        write_back = CallbackFile.write

        def guarded_write(self: CallbackFile, content: object) -> int:
            fault.calls += 1
            if fault.calls == fault.at:
                self.failure = OSError(number, os.strerror(number))
                return 0
            return write_back(self, content)

        patch.setattr(CallbackFile, "write", guarded_write)
        patch.setattr(builtins, "open", fault.wrap(open, writes_only=True))
        yield fault


@pytest.mark.parametrize(
    ("output", "number", "old"),
    [
        ("out.wav", errno.ENOSPC, True),
        ("out.flac", errno.ENOSPC, False),
        ("out.wav", errno.EIO, False),
        ("out.flac", errno.EACCES, True),
    ],
)
def test_whatever_write_fails_the_old_results_stay_whole(
    here: Path, output: str, number: int, old: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["edit", "jam.wav", "--editor", "keep-all", "--no-cache", "--force", "--output", output]
    if old:
        for name in (output, "out.json", "out.html"):
            (here / name).write_text("old " + name)
    before = contents(here)
    for at in range(1, MOST_CALLS):
        with failing(number, at, here) as fault:
            exit_code = main([*command, "--export", "reaper"])
        lines = capsys.readouterr().err.splitlines()
        if fault.calls < at:
            break
        if exit_code == 0:  # a second way was there: a copy where links are refused
            assert set(contents(here)) == {"jam.wav", output, "out.json", "out.html", "out.rpp"}
            for name in set(contents(here)) - set(before):
                (here / name).unlink()
            for name, content in before.items():
                (here / name).write_bytes(content)
            continue
        assert len(lines) == 2, (at, lines)
        assert lines[1].startswith(
            "error[NOSPACE]" if number == errno.ENOSPC else ("error[OUTPUT]", "error[UNREADABLE]")
        )
        assert contents(here) == before, at
    assert exit_code == 0
    assert at > 8


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file size limit")
def test_a_real_limit_of_the_disk_ends_in_one_line(here: Path) -> None:
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000));"
        "from editorbot.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    for output in ("out.wav", "out.flac"):
        command = [sys.executable, "-c", program, "edit", "jam.wav", "--editor", "keep-all", "--no-cache"]
        done = subprocess.run(
            [*command, "--output", output], cwd=here, env=environment(), capture_output=True, text=True
        )
        assert done.returncode == 6, done.stderr
        assert done.stderr.splitlines()[1].startswith("error[NOSPACE]: ")
        assert len(done.stderr.splitlines()) == 2
        assert set(contents(here)) == {"jam.wav"}


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def start(here: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "editorbot", "edit", "jam.wav", "--force", "--output", "out.wav", *more]
    return subprocess.Popen(command, cwd=here, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> bool:
    """Wait until something is so, or the process has ended; tell whether it is so."""
    while process.poll() is None:
        if condition():
            return True
        time.sleep(0.002)
    return condition()


def is_staging(here: Path) -> bool:
    return any(name.startswith(".editorbot-") for name in os.listdir(here))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_at_any_moment_every_name_holds_the_old_or_the_new_file(here: Path) -> None:
    new = start(here, "--editor", "keep-all")
    new.communicate()
    results = {name: (here / name).read_bytes() for name in ("out.wav", "out.json", "out.html")}
    chance = random.Random(0)
    for _ in range(3):
        for name in results:
            (here / name).write_bytes(b"old")
        process = start(here, "--editor", "keep-all")
        assert wait_for(lambda: is_staging(here), process)
        time.sleep(chance.uniform(0, 0.8))
        process.kill()
        process.communicate()
        for name, content in results.items():
            assert (here / name).read_bytes() in (b"old", content)
        for path in here.glob(".editorbot-*"):
            subprocess.run(["rm", "-r", str(path)], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("sent", "exit_code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_ended_by_a_signal_it_cleans_up_and_says_so_by_its_exit_code(here: Path, sent: str, exit_code: int) -> None:
    # Long enough that the signal comes before the end, however late this process sees that the work has begun.
    write(here / "jam.wav", 0.5 * np.tile(band(60, 44_100), 5), 44_100)
    before = set(contents(here))
    process = start(here, "--no-cache")
    assert wait_for(lambda: is_staging(here), process)
    process.send_signal(signal.Signals[sent])
    _, error = process.communicate(timeout=30)
    assert process.returncode == exit_code, error
    assert b"Traceback" not in error
    assert set(contents(here)) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no nohup")
def test_under_nohup_a_closed_terminal_is_no_end(here: Path) -> None:
    command = ["nohup", sys.executable, "-m", "editorbot", "edit", "jam.wav", "--editor", "keep-all", "--no-cache"]
    process = subprocess.Popen(command, cwd=here, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert wait_for(lambda: is_staging(here), process)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert (here / "jam.edited.wav").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT of this kind")
@pytest.mark.parametrize("loaded", ["tyro", "soundfile", "numba"])
def test_interrupted_while_it_is_loaded_it_ends_in_one_line(here: Path, loaded: str) -> None:
    trap = here / "trap"
    trap.mkdir()
    (trap / f"{loaded}.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)\n")
    paths = os.pathsep.join((str(trap), str(ROOT)))
    command = [sys.executable, "-m", "editorbot", "edit", "jam.wav", "--no-cache"]
    done = subprocess.run(
        command, cwd=here, env={**environment(), "PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130, done.stderr
    assert [line for line in done.stderr.splitlines() if not line.startswith("device")] == [
        "interrupted: nothing half written was left"
    ]
    assert set(contents(here)) == {"jam.wav", "trap"}


def test_ended_right_after_the_stage_was_made_nothing_stays(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = os.mkdir

    def made_and_ended(path: str, mode: int = 0o777) -> None:
        make(path, mode)
        if ".editorbot-" in str(path):
            raise SystemExit(143)

    before = contents(here)
    monkeypatch.setattr(os, "mkdir", made_and_ended)
    with pytest.raises(SystemExit):
        main(["edit", "jam.wav", "--editor", "keep-all", "--no-cache", "--output", "out.wav"])
    assert contents(here) == before


def test_a_folder_in_the_way_and_a_missing_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "taken.wav").mkdir()
    (here / "taken.wav" / "x").write_text("x")
    (here / "list.json").mkdir()
    for output in ("no/such/out.wav", "list.wav", "out.xyz"):
        assert main(["edit", "jam.wav", "--output", output, "--force"]) == 6
        assert capsys.readouterr().err.splitlines()[-1].startswith("error[OUTPUT]: ")
    assert main(["edit", "jam.wav", "--output", "taken.wav", "--editor", "keep-all"]) == 0
    assert (here / "taken.wav" / "jam.edited.wav").is_file()


def test_a_folder_that_may_not_be_written_to(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert main(["edit", "jam.wav"]) == 6
    assert "is not writable" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["file", "torn", "flipped"])
def test_a_cache_that_fails_changes_nothing(here: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["edit", "jam.wav", "--editor", "keep-all", "--force"]
    if damage == "file":
        Path(os.environ["EDITORBOT_CACHE_DIR"]).write_text("in the way")
    assert main([*command, "--output", "a.wav"]) == 0
    if damage == "file":
        assert "CACHE: " in capsys.readouterr().err
        assert any(line.startswith("CACHE: ") for line in read_edit_list(here / "a.json").warnings)
    else:
        (entry,) = AnalysisCache.of_user().folder.iterdir()
        content = bytearray(entry.read_bytes())
        content[len(content) // 2] ^= 255
        entry.write_bytes(content[: len(content) // 3] if damage == "torn" else content)
    assert main([*command, "--output", "b.wav"]) == 0
    assert (here / "a.wav").read_bytes() == (here / "b.wav").read_bytes()


def test_two_at_once_on_one_cache_give_the_same_bytes(here: Path) -> None:
    command = [sys.executable, "-m", "editorbot", "edit", "jam.wav", "--editor", "keep-all", "--output"]
    both = [subprocess.Popen([*command, f"{n}/"], cwd=here, env=environment(), stdout=subprocess.DEVNULL) for n in "ab"]
    assert [process.wait() for process in both] == [0, 0]
    for name in ("jam.edited.wav", "jam.edited.json", "jam.edited.html"):
        one, other = ((here / n / name).read_bytes() for n in "ab")
        assert hashlib.sha256(one).digest() == hashlib.sha256(other).digest()


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "opus", "aiff"])
def test_every_container_is_written_whole(here: Path, ending: str) -> None:
    assert main(["edit", "jam.wav", "--editor", "keep-all", "--output", f"out.{ending}"]) == 0
    before, _ = sf.read(here / "jam.wav", dtype="int16")
    with open_recording(here / f"out.{ending}") as track:
        assert track.samples == len(before)
        after = track.read(0, track.samples)[:, 0]
    assert np.abs(after - before / 32_768).mean() < (1e-4 if ending in ("wav", "flac", "aiff") else 0.02)


@pytest.mark.parametrize(
    ("ending", "channels", "rate"),
    [("flac", 32, RATE), ("mp3", 1, 192_000), ("mp3", 6, 44_100), ("opus", 1, 44_100), ("flac", 1, 768_000)],
)
def test_what_a_container_cannot_hold_is_refused_before_the_work(
    here: Path,
    ending: str,
    channels: int,
    rate: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("editorbot.pipeline.analyze", lambda *_, **__: pytest.fail("the work had begun"))
    write(here / "in.wav", np.repeat(0.5 * band(2.5, rate)[:, None], channels, 1), rate)
    assert main(["edit", "in.wav", "--output", f"out.{ending}"]) == 6
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith(f"error[OUTPUT]: out.{ending}: {'OGG' if ending == 'opus' else ending.upper()} cannot hold")
    )
    assert set(contents(here)) == {"jam.wav", "in.wav"}


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("noending", "noending"),
        ("dots...wav", "dots"),
        (".wav.wav", ".wav"),
        ("space .wav", "space"),
        ("con.wav", "_con"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not allow these names")
def test_the_names_of_the_results(here: Path, name: str, made: str) -> None:
    (here / "jam.wav").rename(here / name)
    assert main(["edit", "--editor", "keep-all", "--", name]) == 0
    assert (here / f"{made}.edited.wav").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="paths are short there")
def test_a_changed_name_is_stated(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / ("x" * 245 + ".wav")).write_bytes((here / "jam.wav").read_bytes())
    assert main(["edit", "--editor", "keep-all", "--", "x" * 245 + ".wav"]) == 0
    assert "NAME_SHORTENED: " in capsys.readouterr().err
    (listed,) = here.glob("x*.json")
    assert any(line.startswith("NAME_SHORTENED: ") for line in read_edit_list(listed).warnings)


def test_a_track_that_fails_to_close_leaves_the_old_one(here: Path) -> None:
    (here / "out.wav").write_text("old")
    writer = TrackWriter(here / "out.wav", RATE, 1)
    writer.write(np.zeros((100, 1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(Exception, match="NOSPACE"):
            writer.close()
    assert contents(here).keys() == {"jam.wav", "out.wav"}
    assert (here / "out.wav").read_text() == "old"


@pytest.mark.parametrize("appearing", ["out.json", "out.html", "out.wav"])
def test_what_appears_during_an_edit_is_not_lost(
    here: Path, appearing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from editorbot import outputs

    def commit(stage: outputs.StagedOutputs) -> None:
        (here / appearing).write_text("another's")
        placed(stage)

    placed = outputs.StagedOutputs.commit
    monkeypatch.setattr(outputs.StagedOutputs, "commit", commit)
    command = ["edit", "jam.wav", "--editor", "keep-all", "--no-cache", "--output", "out.wav"]
    assert main(command) == 6
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error[EXISTS]: {appearing}: another program wrote it")
    assert set(contents(here)) == {"jam.wav", appearing}
    assert (here / appearing).read_text() == "another's"
    assert main([*command, "--force"]) == 0
    assert (here / appearing).read_bytes() != b"another's"


def test_two_edits_at_once_onto_one_output_make_one(here: Path) -> None:
    command = [sys.executable, "-m", "editorbot", "edit", "jam.wav", "--editor", "keep-all", "--output", "out.wav"]
    both = [
        subprocess.Popen(command, cwd=here, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [process.communicate()[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 6]
    assert sum(b"error[EXISTS]" in lines for lines in told) == 1
    assert set(contents(here)) == {"jam.wav", "out.wav", "out.json", "out.html"}


def test_a_track_that_appears_during_rendering_is_not_lost(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["edit", "jam.wav", "--editor", "keep-all", "--no-cache", "--output", "out.wav"]) == 0
    usual = TrackWriter.write

    def write_late(writer: TrackWriter, block: np.ndarray) -> None:
        (here / "again.wav").write_text("another's")
        usual(writer, block)

    monkeypatch.setattr(TrackWriter, "write", write_late)
    assert main(["render", "out.json", "--output", "again.wav"]) == 6
    assert "error[EXISTS]: again.wav: another program wrote it" in capsys.readouterr().err
    assert (here / "again.wav").read_text() == "another's"
