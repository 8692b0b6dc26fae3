"""Makes the jams that `edit_quality.py` scores on, from a folder of unpacked music packages.

    python benchmarks/edit_quality_jams.py MUSIC JAMS
    python benchmarks/edit_quality.py --jams first=JAMS/first second=JAMS/second --tune JAMS/tune

MUSIC holds Debian packages, each unpacked (`dpkg-deb -x`) below a folder of its name: those of the tracks in
`edit_quality_tracks.txt`, and timgm6mb-soundfont, from which the first simulator plays its junk. The same ten are made
into jams by both simulators, each in its own process, and four more by the second one, for the loudness cutter's
threshold. The first simulator takes no list of files: it looks for music where one of the packages has it, so the ten
tracks are laid there, under names that tell the artist.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import soundfile as sf

from editorbot.corpus.truth import Truth, read_truth

HERE = Path(__file__).parent

ARCHIVES = {
    "nexuiz-music": "usr/share/games/nexuiz/data/music.pk3",
    "ufoai-music": "usr/share/games/ufoai/base/0music.pk3",
    "openarena-088-data": "usr/share/games/openarena/baseoa/pak6-patch088.pk3",
}
"""Packages whose music lies in an archive of its own."""

SOUNDFONT = "timgm6mb-soundfont/usr/share/sounds/sf2/TimGM6mb.sf2"
"""Where the first simulator looks for its instruments."""

FIRST_FOLDER = "colobot-common-sounds/usr/share/games/colobot/music"
"""Where the first simulator looks for the music of one of its artists."""

SEEDS = {"second": 10, "tune": 20}


KEPT_F1 = (0.50, 0.75)
"""The first simulator leaves some jams nearly clean, so of each track the first jam is taken on which keeping all
scores in this range; the mean over the set is then that of a valid set. No editor influences it."""

MOST_SEEDS = 8
"""Seeds that the first simulator is tried with."""


@dataclass(frozen=True)
class Track:
    """One line of `edit_quality_tracks.txt`."""

    set: str
    artist: str
    path: Path

    @property
    def name(self) -> str:
        """Name for a file that tells the artist too."""
        return f"{self.artist}__{self.path.stem.replace(' ', '_')}"


def read_tracks(music: Path) -> list[Track]:
    """Return the listed tracks."""
    lines = (HERE / "edit_quality_tracks.txt").read_text(encoding="utf-8").splitlines()
    tracks = []
    for line in lines:
        if line and not line.startswith("#"):
            set_name, _, rest = line.partition(" ")
            artist, _, path = rest.partition("=")
            tracks.append(Track(set_name, artist, music / path))
    return tracks


def unpack(music: Path, into: Path) -> Path:
    """Return a folder like `music` in which the archives' content lies beside the rest."""
    into.mkdir(parents=True, exist_ok=True)
    for package in sorted(music.iterdir()):
        if package.name in ARCHIVES:
            with zipfile.ZipFile(package / ARCHIVES[package.name]) as archive:
                names = [name for name in archive.namelist() if name.endswith(".ogg")]
                archive.extractall(into / package.name, names)
        elif package.is_dir() and not (into / package.name).exists():
            (into / package.name).symlink_to(package.resolve(), target_is_directory=True)
    return into


def make_second(tracks: list[Track], out: Path, seed: int) -> None:
    """Let the second simulator make a jam of each track."""
    named = [f"{track.artist}={track.path}" for track in tracks]
    command = [sys.executable, "-m", "simulators.second", "--tracks", *named, "--out", str(out)]
    subprocess.run([*command, "--count", str(len(tracks)), "--seed", str(seed)], check=True)


def make_first(tracks: list[Track], music: Path, out: Path, work: Path) -> None:
    """Put the tracks where the first simulator looks, and run it until each has a jam with enough to cut."""
    own = FIRST_FOLDER.split("/")[0]
    folder = work / FIRST_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for package in music.iterdir():
        if package.name not in (own, "hyperrogue-music") and not (work / package.name).exists():
            (work / package.name).symlink_to(package.resolve(), target_is_directory=True)
    for track in tracks:
        if track.path.is_dir():
            lay_sum(track.path, folder / f"{track.name}.ogg")
        else:
            shutil.copyfile(track.path, folder / f"{track.name}.ogg")
    chosen: set[str] = set()
    out.mkdir(parents=True, exist_ok=True)
    for seed in range(1, MOST_SEEDS + 1):
        every = out.with_name(f"{out.name}_{seed}")
        command = [sys.executable, "-m", "simulators.first", str(work), str(every), "--sets", "validate"]
        # It goes on to an artist whose music is not there, and stops; by then all ten are done.
        subprocess.run(
            [*command, "--jams", str(len(tracks)), "--seed", str(seed)], check=False, stderr=subprocess.DEVNULL
        )
        for path in sorted(every.glob("*.json")):
            truth = read_truth(path)
            if truth.track not in chosen and KEPT_F1[0] <= keep_all_f1(truth) <= KEPT_F1[1]:
                chosen.add(truth.track)
                for file in (path, *every.glob(f"{path.stem}_raw.*")):
                    shutil.copyfile(file, out / file.name.replace(path.stem, f"first_{truth.track}_{seed}"))
        print(f"seed {seed}: {len(chosen)} of {len(tracks)} tracks have a jam with enough to cut", flush=True)
        if len(chosen) == len(tracks):
            return
    raise SystemExit(f"{out}: some tracks got no valid jam in {MOST_SEEDS} seeds; have {sorted(chosen)}")


def keep_all_f1(truth: Truth) -> float:
    """Return the F1 of keeping everything: recall is 1, purity the share of the jam that is wanted."""
    purity = min(1.0, truth.finished_s / truth.duration_s)
    return 2 * purity / (1 + purity)


def lay_sum(folder: Path, path: Path) -> None:
    """Write the sum of a band's stems as one file."""
    layers = [sf.read(folder / name, always_2d=True) for name in ("song.ogg", "guitar.ogg")]
    length = min(len(sound) for sound, _ in layers)
    mix = sum(sound[:length] for sound, _ in layers)
    with sf.SoundFile(path, "w", layers[0][1], 2) as file:
        for start in range(0, length, 65_536):
            file.write(0.9 * mix[start : start + 65_536] / abs(mix).max())


def main() -> None:
    """Make all three sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    music = unpack(options.music, options.out / "music")
    tracks = read_tracks(music)
    for needed in (music / SOUNDFONT, *(track.path for track in tracks)):
        if not needed.exists():
            raise SystemExit(f"{needed}: it is not there; unpack its package below {options.music}")
    scored = [track for track in tracks if track.set != "tune"]
    make_second(scored, options.out / "second", SEEDS["second"])
    make_second([track for track in tracks if track.set == "tune"], options.out / "tune", SEEDS["tune"])
    make_first(scored, music, options.out / "first", options.out / "first_music")


if __name__ == "__main__":
    main()
