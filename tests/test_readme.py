"""The README does what it says: its commands are parsed as they stand, and run on the example where that is quick."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile as sf

from editorbot.cli.main import main, parse_command

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
EXAMPLE = ROOT / "examples" / "jam.ogg"

NOT_RUN = {
    "editorbot pairs stems": "fetches weights from a model hub",
    "python -m tools.fetch_music": "fetches music from the network",
    "editorbot pairs simulate": "a hundred jams take minutes",
    "editorbot train": "takes minutes to hours",
    "editorbot evaluate": "edits with every editor: half a minute",
    "make": "sets up an environment; CI runs it",
    "py -m": "Windows",
    ".venv": "Windows",
}
"""How a command begins that is parsed and not run, and why."""


def commands_of(text: str) -> list[str]:
    """Return the commands in the indented blocks of a page, without what is said beside them."""
    lines = re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    starts = ("editorbot ", "python ", "make ", "py ", ".venv")
    return [re.split(r"\s{2,}", line)[0] for line in lines if line.startswith(starts)]


COMMANDS = list(dict.fromkeys(commands_of(README)))
ELSEWHERE = list(
    dict.fromkeys(
        command
        for page in [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
        for command in commands_of(page.read_text("utf-8"))
        if "[" not in command  # else it is no command, but says what one may hold
    )
)
MAKEFILE = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
MADE = re.findall(r"^\t\$\(BIN\)/(editorbot .*)$", MAKEFILE, re.MULTILINE)
ORIGINAL = [
    "python -m scripts.infer_rich_bc_labels --data_dir training_data --out bc_rich.npz",
    "python -m scripts.augment_bc_with_synthetic --input bc_rich.npz --output bc_augmented.npz --min_samples 1000",
    "python -m rl_editor.train --bc_mixed_npz F --bc_mixed_weight 0.5 --save_dir models/v1 --subprocess",
    "python -m rl_editor.train --bc_pretrain_npz F --bc_pretrain_epochs 50",
    "python -m rl_editor.train --checkpoint models/v1/best.pt --bc-mixed F --bc-weight 0.5",
    "python -m rl_editor.train --save_dir models --epochs 30000 --steps 512 --n_envs 16 --lr 5e-5",
    'python -m rl_editor.infer "input.wav" --checkpoint "models/v1/best.pt" --output "output.wav"',
    "python -m rl_editor.supervised_trainer --data-dir training_data --save-dir models/supervised --epochs 100"
    " --batch-size 8",
    "python -m pointer_network.precache_samples",
    "python -m pointer_network.precache_samples jam",
    "python scripts/precache_stems.py --data_dir training_data --cache_dir cache",
    "python scripts/convert_stems_to_mel.py",
    "python -m pointer_network.trainers.pointer_trainer --config pointer_network/configs/full.json",
    "python -m pointer_network.infer input.wav --checkpoint models/pointer_network_full_v2/best.pt",
]
"""The original project's commands, which the forwards take word for word."""


def is_run(command: str) -> bool:
    return command.startswith("editorbot ") and not any(command.startswith(start) for start in NOT_RUN)


def forwarded(words: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the arguments that a forward gives to editorbot."""
    given: list[list[str]] = []
    monkeypatch.setattr("editorbot.cli.main.main", lambda arguments: given.append(arguments) or 0)
    monkeypatch.chdir(ROOT)
    is_module = words[0] == "-m"
    monkeypatch.setattr(sys, "argv", words[1:] if is_module else words)
    with pytest.raises(SystemExit) as ended:
        (runpy.run_module if is_module else runpy.run_path)(words[is_module], run_name="__main__")
    assert ended.value.code == 0
    return given[0]


def test_the_readme_has_commands_and_every_reason_is_needed() -> None:
    assert len(COMMANDS) > 30
    assert sum(map(is_run, COMMANDS)) > 15
    assert len(ELSEWHERE) > 3
    assert len(MADE) > 10
    needless = [start for start in NOT_RUN if not any(command.startswith(start) for command in COMMANDS)]
    assert needless == []


@pytest.mark.parametrize("command", [one for one in COMMANDS + ELSEWHERE if one.startswith("editorbot ")])
def test_each_command_is_parsed(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # files of settings are read when they are named
    assert parse_command(shlex.split(command)[1:])


@pytest.mark.parametrize("command", MADE)
def test_each_command_of_the_makefile_is_parsed(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert parse_command(shlex.split(re.sub(r"\$\(\w+\)", "x", command))[1:])


@pytest.mark.parametrize("command", ORIGINAL)
def test_each_original_command_is_forwarded_and_parsed(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_command(forwarded(shlex.split(command)[1:], monkeypatch))


def test_fetching_music_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    from tools import fetch_music

    monkeypatch.setattr(fetch_music, "fetch_package", lambda name, folder, source: pytest.fail(f"fetches {name}"))
    (command,) = {one for one in COMMANDS + ELSEWHERE if one.startswith("python -m tools.fetch_music")}
    with pytest.raises(pytest.fail.Exception, match="fetches "):
        fetch_music.main(shlex.split(command)[3:])


def test_what_else_the_readme_names_is_there() -> None:
    for module in re.findall(r"`(?:python -m )?((?:rl_editor|pointer_network|scripts)\.[\w.]+)`", README):
        assert find_spec(module) is not None
    targets = re.findall(r"^([\w-]+):", MAKEFILE, re.MULTILINE)
    for names in re.findall(r"`?make ([\w-]+)", "\n".join(commands_of(README) + re.findall(r"`make [\w-]+`", README))):
        assert names in targets
    for path in re.findall(r"`((?:docs|examples|benchmarks)/[\w./-]+)`", README):
        assert (ROOT / path).exists(), path


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with everything that the README's commands name, made from the example."""
    folder = tmp_path_factory.mktemp("kit")
    sound, rate = sf.read(EXAMPLE)
    sf.write(folder / "jam.wav", sound, rate)
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    patch.setenv("EDITORBOT_CACHE_DIR", str(folder / "cache"))
    assert main(["edit", "jam.wav"]) == 0
    patch.undo()
    for name in ("song.wav", "guitar.wav", "a_track_you_like.wav", "rehearsals/monday.wav"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).hardlink_to(folder / "jam.wav")
    (folder / "mine.wav").hardlink_to(folder / "jam.edited.wav")
    pairs = folder / "training_data"
    for name, source in (("input/jam_raw.wav", "jam.wav"), ("desired_output/jam_edit.wav", "jam.edited.wav")):
        (pairs / name).parent.mkdir(parents=True)
        (pairs / name).hardlink_to(folder / source)
    (pairs / "truth").mkdir()
    shutil.copy(EXAMPLE.with_name("jam.truth.json"), pairs / "truth" / "jam.json")
    return folder


@pytest.fixture
def here(kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the kit to work in."""
    monkeypatch.setenv("EDITORBOT_CACHE_DIR", str(kit / "cache"))
    shutil.copytree(kit, tmp_path / "here", ignore=shutil.ignore_patterns("cache"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.mark.parametrize("command", [one for one in COMMANDS if is_run(one)])
def test_each_quick_command_of_the_readme_runs(command: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command)[1:]
    if words[0] == "edit" and "--output" not in words:
        for path in here.glob("*.edited.*"):
            path.unlink()
    assert main(words) == 0, capsys.readouterr().err


def test_the_readmes_python_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    for path in here.glob("*.edited.*"):
        path.unlink()
    exec(compile(code, "README.md", "exec"), {})
    assert {"jam.edited.wav", "jam.edited.json", "jam.edited.rpp"} <= {path.name for path in here.iterdir()}
    assert capsys.readouterr().out
