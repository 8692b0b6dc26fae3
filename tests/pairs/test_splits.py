from dataclasses import replace
from pathlib import Path

import pytest

from editorbot.corpus.splits import (
    SHORT_NAMES,
    SPLIT_OF_ARTIST,
    artist_of,
    check_splits,
    refuse_artist,
    refuse_held_out,
    refuse_held_out_pairs,
    split_of,
)
from editorbot.corpus.truth import Segment, Truth, write_truth
from editorbot.errors import SplitError


def test_the_splits_are_those_of_the_music_page() -> None:
    assert {name for name, split in SPLIT_OF_ARTIST.items() if split == "test"} == {
        "fretsonfire-songs-muldjord",
        "zaz-data",
        "singularity-music",
    }
    validation = {name for name, split in SPLIT_OF_ARTIST.items() if split == "validation"}
    assert validation == {"colobot-common-sounds", "hyperrogue-music"}
    assert SPLIT_OF_ARTIST["openarena-088-data"] == SPLIT_OF_ARTIST["freedoom"] == "train"


@pytest.mark.parametrize("name", SHORT_NAMES)
def test_short_names_lead_to_artists(name: str) -> None:
    assert split_of(name.upper()) == SPLIT_OF_ARTIST[SHORT_NAMES[name]]


def test_own_music_stands_in_no_split() -> None:
    assert split_of("our band") is None
    refuse_artist("our band")


def test_the_artist_is_the_folder_that_bears_the_name() -> None:
    assert artist_of(Path("music/test/zaz-data/mus1.ogg")) == "zaz-data"
    assert artist_of(Path("music/nexuiz-music/usr/share/x.ogg")) == "nexuiz-music"
    assert artist_of(Path("home/band/x.ogg")) == "band"


def test_a_test_track_is_refused_in_training() -> None:
    with pytest.raises(SplitError, match="test artist") as caught:
        refuse_held_out(["a/nexuiz-music/x.ogg", "a/singularity-music/usr/y.ogg"])
    assert caught.value.exit_code == 7
    assert caught.value.path == "a/singularity-music/usr/y.ogg"
    refuse_held_out(["a/nexuiz-music/x.ogg", "a/colobot-common-sounds/usr/y.ogg", "mine/z.wav"])


def test_no_artist_stands_in_two_splits() -> None:
    check_splits({"train": ["nexuiz", "mine"], "validation": ["colobot", "yours"], "test": ["zaz-data"]})
    with pytest.raises(SplitError, match=r"Mine stands in train and in test"):
        check_splits({"train": ["mine"], "test": ["Mine"]})
    with pytest.raises(SplitError, match="belongs to test"):
        check_splits({"train": ["muldjord"]})


def test_pairs_of_a_test_artist_are_refused_in_training(tmp_path: Path) -> None:
    refuse_held_out_pairs(tmp_path)
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth/a.json").write_text("damaged")
    truth = Truth(2.0, 1.0, (Segment(1.0, 2.0, "music", 0.0),), artist="nexuiz")
    write_truth(tmp_path / "truth/b.json", truth)
    refuse_held_out_pairs(tmp_path)
    write_truth(tmp_path / "truth/c.json", replace(truth, artist="muldjord"))
    with pytest.raises(SplitError, match="muldjord is a test artist"):
        refuse_held_out_pairs(tmp_path)
