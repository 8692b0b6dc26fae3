import errno
import io
import json
import struct
import subprocess
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from editorbot.corpus.splits import SPLIT_OF_ARTIST
from editorbot.errors import DamagedError, FormatError, NoSpaceError, NotFoundError, SplitError
from tools import fetch, fetch_music, packages
from tools.fetch import fetch_package, write_all
from tools.fetch_music import main
from tools.music import MANIFEST, read_manifest, write_manifest
from tools.music_table import (
    AS_LONG_AS_A_TEST_TRACK,
    FIRST,
    LATER,
    NOT_WANTED,
    PACKAGES,
    SETS,
    package_named,
)
from tools.packages import check_deb, clean_name, midi_in_wad, tracks_in

RATE = 8_000


def ogg(level: float = 0.3, seconds: float = 1.0) -> bytes:
    file = io.BytesIO()
    tone = level * np.sin(2 * np.pi * 220 * np.arange(round(seconds * RATE)) / RATE)
    sf.write(file, np.stack([tone, tone], axis=1), RATE, format="OGG")
    return file.getvalue()


def ar_member(name: str, content: bytes) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
    return header + content + b"\n" * (len(content) % 2)


def write_deb(folder: Path, name: str, files: dict[str, bytes], *, packed: str = "xz") -> Path:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=f"w:{packed}") as tar:
        for path, content in {f"usr/share/doc/{name}/copyright": b"free", **files}.items():
            entry = tarfile.TarInfo(f"./{path}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": b"odd",
        f"data.tar{packed and '.'}{packed}": data.getvalue(),
    }
    deb = folder / f"{name}_1.0-1_all.deb"
    deb.parent.mkdir(parents=True, exist_ok=True)
    deb.write_bytes(b"!<arch>\n" + b"".join(ar_member(*member) for member in members.items()))
    return deb


def wad(lumps: dict[str, bytes]) -> bytes:
    place, body, table = 12, b"", b""
    for name, content in lumps.items():
        table += struct.pack("<ii8s", place + len(body), len(content), name.encode())
        body += content
    return struct.pack("<4sii", b"IWAD", len(lumps), place + len(body)) + body + table


def pk3(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def midi() -> bytes:
    mido = pytest.importorskip("mido")
    file = io.BytesIO()
    song = mido.MidiFile(ticks_per_beat=480)
    song.tracks.append(mido.MidiTrack([mido.Message("note_on", note=60, time=960), mido.Message("note_off", note=60)]))
    song.save(file=file)
    return file.getvalue()


ZAZ = {f"usr/share/games/zaz/mus{number}.ogg": ogg(0.1 * number) for number in (1, 2, 3, 4)} | {
    "usr/share/games/zaz/roll.ogg": b"x"
}


@pytest.mark.parametrize("packed", ["xz", "gz", ""])
def test_a_package_is_unpacked_listed_and_left_alone_the_next_time(tmp_path: Path, packed: str) -> None:
    write_deb(tmp_path / "debs", "zaz-data", ZAZ, packed=packed)
    first = fetch_package("zaz-data", tmp_path / "music", tmp_path / "debs")
    assert first.error is None
    assert first.note == ""
    assert [entry.path for entry in first.entries] == [f"test/zaz-data/mus{n}.ogg" for n in (1, 2, 3, 4)]
    entry = first.entries[0]
    assert (entry.artist, entry.licence, entry.format, entry.split) == ("zaz-data", "CC-BY-SA-3.0", "ogg", "test")
    assert entry.length_s == pytest.approx(1.0, abs=0.01)
    assert (tmp_path / "music/test/zaz-data/COPYRIGHT").read_bytes() == b"free"
    again = fetch_package("zaz-data", tmp_path / "music", tmp_path / "nowhere")
    assert again.was_there
    assert again.entries == first.entries


def test_a_track_that_was_cut_short_is_unpacked_again(tmp_path: Path) -> None:
    write_deb(tmp_path / "debs", "zaz-data", ZAZ)
    fetch_package("zaz-data", tmp_path, tmp_path / "debs")
    track = tmp_path / "test/zaz-data/mus2.ogg"
    whole = track.read_bytes()
    track.write_bytes(whole[:100])
    assert not fetch_package("zaz-data", tmp_path, tmp_path / "debs").was_there
    assert track.read_bytes() == whole


def test_music_in_a_zip_leaves_out_what_is_no_music(tmp_path: Path) -> None:
    inside = {"sound/cdtracks/a.ogg": ogg(), "sound/cdtracks/thunder.ogg": b"x", "sound/../../evil.ogg": b"x"}
    write_deb(tmp_path, "nexuiz-music", {"usr/share/games/nexuiz/data/music.pk3": pk3(inside)})
    fetched = fetch_package("nexuiz-music", tmp_path / "music", tmp_path)
    assert [entry.path for entry in fetched.entries] == ["train/nexuiz-music/a.ogg"]
    assert "17 were expected" in fetched.note


def test_midi_in_wads_is_taken_once(tmp_path: Path) -> None:
    one, two = midi(), midi() + b"more"
    games = {
        "usr/share/games/doom/freedoom1.wad": wad({"PLAYPAL": b"no music", "D_E1M1": one}),
        "usr/share/games/doom/freedoom2.wad": wad({"D_RUNNIN": one, "D_E1M1": two}),
    }
    write_deb(tmp_path, "freedoom", games)
    fetched = fetch_package("freedoom", tmp_path / "music", tmp_path)
    assert [entry.path for entry in fetched.entries] == ["train/freedoom/D_E1M1.mid", "train/freedoom/D_E1M1_2.mid"]
    assert fetched.entries[0].length_s == pytest.approx(1.0)
    assert (tmp_path / "music/train/freedoom/D_E1M1.mid").read_bytes() == one


def test_layers_add_up_and_do_not_clip(tmp_path: Path) -> None:
    folder = "usr/share/games/fretsonfire/data/songs/muldjord"
    files = {f"{folder}/quiet/song.ogg": ogg(0.2), f"{folder}/quiet/guitar.ogg": ogg(0.3)}
    files |= {f"{folder}/loud/song.ogg": ogg(0.9), f"{folder}/loud/guitar.ogg": ogg(0.9, 0.5)}
    write_deb(tmp_path, "fretsonfire-songs-muldjord", files)
    fetched = fetch_package("fretsonfire-songs-muldjord", tmp_path / "music", tmp_path)
    target = tmp_path / "music/test/fretsonfire-songs-muldjord"
    assert sorted(path.name for path in target.iterdir()) == ["COPYRIGHT", "loud.flac", "quiet.flac"]
    quiet, _ = sf.read(target / "quiet.flac")
    loud, _ = sf.read(target / "loud.flac")
    assert np.abs(quiet).max() == pytest.approx(0.5, abs=0.03)
    assert np.abs(loud).max() == pytest.approx(0.98, abs=0.01)
    assert len(loud) == pytest.approx(0.5 * RATE, abs=RATE * 0.05)
    assert fetched.error is None


def test_what_is_damaged_is_said_and_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deb = write_deb(tmp_path / "debs", "zaz-data", ZAZ)
    deb.write_bytes(deb.read_bytes()[:-500])
    write_deb(tmp_path / "debs", "nexuiz-music", {"usr/x/music.pk3": pk3({"sound/cdtracks/a.ogg": ogg()})})
    names = ["zaz-data", "colobot-common-sounds", "nexuiz-music"]
    code = main([str(tmp_path / "music"), "--packages", *names, "--from", str(tmp_path / "debs")])
    said = capsys.readouterr()
    assert code == 3
    assert "cut short inside data.tar.xz" in said.err
    assert "no colobot-common-sounds_*.deb is in it" in said.err
    assert "1 tracks, 0.0 hours" in said.out
    assert "2 problems" in said.out
    assert [entry.artist for entry in read_manifest(tmp_path / "music" / MANIFEST)] == ["nexuiz-music"]


def test_the_manifest_keeps_what_earlier_runs_fetched(tmp_path: Path) -> None:
    write_deb(tmp_path / "debs", "zaz-data", ZAZ)
    write_deb(tmp_path / "debs", "nexuiz-music", {"usr/x/music.pk3": pk3({"sound/cdtracks/a.ogg": ogg()})})
    write_all(tmp_path, [fetch_package("zaz-data", tmp_path, tmp_path / "debs")])
    entries = write_all(tmp_path, [fetch_package("nexuiz-music", tmp_path, tmp_path / "debs")])
    assert {entry.artist for entry in entries} == {"zaz-data", "nexuiz-music"}
    with pytest.raises(SplitError):
        write_manifest(tmp_path, [*entries, replace(entries[0], split="train"), replace(entries[-1], split="train")])


@pytest.mark.parametrize("content", [b"", b"RIFF" * 30, b"!<arch>\n" + ar_member("debian-binary", b"2.0\n")])
def test_what_is_no_package_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "zaz-data_1_all.deb").write_bytes(content)
    with pytest.raises(DamagedError):
        check_deb(tmp_path / "zaz-data_1_all.deb")


def test_a_broken_tar_or_zip_is_damaged(tmp_path: Path) -> None:
    deb = write_deb(tmp_path, "nexuiz-music", {"usr/x/music.pk3": b"no zip"})
    with pytest.raises(DamagedError, match="cannot be unpacked"):
        list(tracks_in(deb, package_named("nexuiz-music")))
    deb = write_deb(tmp_path, "freedoom", {"usr/x/a.wad": wad({"D_E1M1": b"MThd"})[:-4]})
    with pytest.raises(DamagedError, match="cannot be unpacked"):
        list(tracks_in(deb, package_named("freedoom")))


def test_names_from_archives_lead_nowhere_else() -> None:
    assert clean_name("../../etc/passwd") == "passwd"
    assert clean_name("a\\b:c?.ogg") == "b_c_.ogg"
    assert clean_name("..") == "track"
    with pytest.raises(struct.error):
        list(midi_in_wad(struct.pack("<4sii", b"IWAD", 1, 10**6)))


def test_without_apt_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch.shutil, "which", lambda name: None)
    error = fetch_package("zaz-data", tmp_path).error
    assert error is not None
    assert error.exit_code == 8
    assert "--from" in error.message


def test_a_download_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 100, "", "W: hm\nE: Unable to locate package zaz-data\n")

    monkeypatch.setattr(fetch.shutil, "which", lambda name: "/usr/bin/apt-get")
    monkeypatch.setattr(fetch.subprocess, "run", refuse)
    error = fetch_package("zaz-data", tmp_path).error
    assert isinstance(error, NotFoundError)
    assert "Unable to locate package zaz-data" in error.message


def test_a_broken_download_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages/zaz-data_1.0-1_all.deb").write_bytes(b"!<arch>\nhalf")

    def download(command: list[str], *, cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        write_deb(cwd, "zaz-data", ZAZ)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(fetch.shutil, "which", lambda name: "/usr/bin/apt-get")
    monkeypatch.setattr(fetch.subprocess, "run", download)
    fetched = fetch_package("zaz-data", tmp_path)
    assert fetched.error is None
    assert len(fetched.entries) == 4
    assert [path.name for path in (tmp_path / "packages").iterdir()] == ["zaz-data.json"]


def test_what_is_too_short_or_of_a_test_artist_is_not_kept(tmp_path: Path) -> None:
    folder = "usr/share/starfighter/music"
    files = {"RE": ogg(seconds=51), "jingle": ogg(seconds=49), "through_space": ogg(seconds=52)}
    write_deb(tmp_path, "starfighter-data", {f"{folder}/{name}.ogg": content for name, content in files.items()})
    fetched = fetch_package("starfighter-data", tmp_path / "music", tmp_path)
    assert [entry.path for entry in fetched.entries] == ["train/starfighter-data/RE.ogg"]
    target = tmp_path / "music/train/starfighter-data"
    assert sorted(path.name for path in target.iterdir()) == ["COPYRIGHT", "RE.ogg"]
    assert fetch_package("starfighter-data", tmp_path / "music").was_there


def test_a_package_of_jingles_alone_is_another_version(tmp_path: Path) -> None:
    write_deb(tmp_path, "tuxfootball", {"usr/share/games/tuxfootball/sound/titlemusic.ogg": ogg()})
    assert isinstance(fetch_package("tuxfootball", tmp_path / "music", tmp_path).error, DamagedError)


def test_a_track_under_two_names_or_links_is_taken_once(tmp_path: Path) -> None:
    song, other = ogg(seconds=51), ogg(0.2, seconds=51)
    folder = "usr/share/games/redeclipse/data"
    files = {
        "sounds/music/a.ogg": song,
        "sounds/music/b.ogg": song,
        "maps/c.ogg": other,
        "sounds/ambience/d.ogg": other,
    }
    write_deb(tmp_path, "redeclipse-data", {f"{folder}/{name}": content for name, content in files.items()})
    entries = fetch_package("redeclipse-data", tmp_path / "music", tmp_path).entries
    assert [Path(entry.path).name for entry in entries] == ["a.ogg", "c.ogg"]


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_deb(tmp_path, "0ad-data", {"usr/share/games/0ad/mods/public/public.zip": pk3({"audio/music/a.ogg": ogg()})})
    monkeypatch.setattr(packages.shutil, "copyfileobj", fill)
    assert isinstance(fetch_package("0ad-data", tmp_path / "music", tmp_path).error, NoSpaceError)


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ([], SETS["standard"]),
        (["--small"], SETS["small"]),
        (["--set", "all"], SETS["all"]),
        (["--set", "all", "--packages", "zaz-data"], ("zaz-data",)),
    ],
)
def test_a_set_is_fetched_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], wanted: tuple[str, ...]
) -> None:
    asked: list[str] = []

    def ask(name: str, *_: object) -> fetch.Fetched:
        asked.append(name)
        return fetch.Fetched(package_named(name))

    monkeypatch.setattr(fetch_music, "fetch_package", ask)
    assert main([str(tmp_path), *flags]) == 0
    assert tuple(asked) == wanted


def test_unknown_packages_and_manifests_are_named(tmp_path: Path) -> None:
    assert isinstance(fetch_package("nothing", tmp_path).error, NotFoundError)
    with pytest.raises(NotFoundError, match="fetch_music"):
        read_manifest(tmp_path / MANIFEST)
    for content in ("{}", "no", json.dumps({"format": "other", "version": 1})):
        (tmp_path / MANIFEST).write_text(content)
        with pytest.raises(FormatError):
            read_manifest(tmp_path / MANIFEST)


def test_every_artist_of_the_splits_has_its_package() -> None:
    assert set(SPLIT_OF_ARTIST) == {package.name for package in PACKAGES if package.split is not None}
    assert set(SETS["small"]) < set(SETS["standard"]) < set(SETS["all"])
    assert len(set(SETS["all"])) == len(PACKAGES)


def test_what_came_later_is_all_trained_on() -> None:
    assert {package.split for package in LATER} == {"train"}
    assert {package.split for package in FIRST} == {"train", "validation", "test", None}
    later = {package.name for package in LATER}
    assert set(AS_LONG_AS_A_TEST_TRACK) | set(NOT_WANTED) <= later
