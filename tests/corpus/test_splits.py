from dataclasses import replace
from pathlib import Path

import pytest

from editorbot.corpus.splits import (
    SHORT_NAMES,
    SPLIT_OF_ARTIST,
    ArtistSplit,
    artist_of,
    artist_of_sample,
    artist_overlap,
    check_splits,
    refuse_artist,
    refuse_held_out,
    refuse_held_out_pairs,
    split_by_artist,
    split_of,
)
from editorbot.corpus.truth import Segment, Truth, write_truth
from editorbot.errors import FormatError, SplitError


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
    with pytest.raises(SplitError, match=r"Mine is in train and in test"):
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


def naive_groups(artists: dict[str, str]) -> dict[str, set[str]]:
    """Return the samples of each artist, those without one each by itself."""
    return {
        sample: {other for other, named in artists.items() if other == sample or (artist and named == artist)}
        for sample, artist in artists.items()
    }


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("artists", [2, 5, 40])
def test_whole_artists_stand_on_one_side_and_neither_is_empty(share: float, artists: int) -> None:
    named = {f"song{number}_s{number % 3}_000{number}": f"band {number % artists}" for number in range(3 * artists)}
    named |= {"one": "", "two": ""}
    sides = split_by_artist(named, share)
    assert sorted((*sides.train, *sides.valid)) == sorted(named)
    assert sides.train
    assert sides.valid
    for sample, together in naive_groups(named).items():
        assert together <= set(sides.train if sample in sides.train else sides.valid)


def test_sides_follow_names_alone_and_other_names_of_an_artist_are_the_same() -> None:
    named = {f"{number}": f"band {number}" for number in range(20)}
    assert split_by_artist(named, 0.2) == split_by_artist(dict(reversed(named.items())), 0.2)
    assert len(split_by_artist(named, 0.2).valid) == 4
    assert split_by_artist({"one": "nexuiz", "two": "Nexuiz-music "}, 0.5).valid == ()


def test_jams_of_a_track_whose_artist_nobody_knows_stay_together() -> None:
    jams = {f"{track}_s{seed}_000{seed}": "" for track in ("zoo_song", "zoo_tune") for seed in range(4)}
    sides = split_by_artist(jams, 0.1)
    assert {name.rsplit("_s", 1)[0] for name in sides.valid} in ({"zoo_song"}, {"zoo_tune"})
    assert len(sides.valid) == 4


def test_of_one_artist_nothing_is_kept_apart() -> None:
    assert split_by_artist({"one": "us", "two": "us"}, 0.9) == ArtistSplit(("one", "two"), ())
    assert split_by_artist({}, 0.1) == ArtistSplit((), ())


def test_a_card_says_other_artists_only_where_all_are_known() -> None:
    assert artist_overlap(["us", "you"], ["them"]) == "of other artists"
    assert artist_overlap(["us", "nexuiz"], ["nexuiz-music", ""]) == "some of them of the same artists"
    assert artist_overlap(["us"], ["them", ""]) == artist_overlap([""], [""]) == "whose artists are not all known"


def test_the_artist_of_a_sample_is_the_one_that_its_truth_names(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    write_truth(tmp_path / "truth/b.json", Truth(2.0, 1.0, (Segment(1.0, 2.0, "music", 0.0),), artist="us"))
    assert artist_of_sample(tmp_path, "b") == "us"
    assert artist_of_sample(tmp_path, "a") == ""
    (tmp_path / "truth/a.json").write_text("damaged")
    with pytest.raises(FormatError):
        artist_of_sample(tmp_path, "a")
