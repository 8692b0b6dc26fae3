"""The page as a file: whole, closed to the network, and true to the edit list."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from editorbot.editlist.edit_list import Clip, EditList, Join
from editorbot.errors import OutputError
from editorbot.recording import open_recording
from editorbot.report import report, sounds
from editorbot.report.peaks import scan_peaks
from editorbot.report.pictures import _crossings, played_columns
from editorbot.report.report import link_to
from tests.report.conftest import RATE, Example, example_edit

EVIL_NAMES = (
    "<img src=x onerror=alert(1)>.wav",
    "<script>alert(1)<!--.wav",
    "\" onmouseover='alert(1)' x=.wav",
    "{{ 7 * 7 }} {% raw %}.wav",
    "line\nbreak.wav",
    "& amp; &lt;b&gt;.wav",
    "émoji 🎸 ‮evil.wav",
    "-rf #1 100%25?.wav",
)
VOID = {"meta", "link", "img", "br", "input", "hr", "image"}


class Page(HTMLParser):
    """A page taken apart: tags with attributes, texts, and whether every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def policy(self) -> str:
        return next(meta["content"] or "" for meta in self.all("meta") if meta.get("http-equiv"))


def without_sound(html: str) -> str:
    """Return the page without embedded sound and pictures, which may spell anything."""
    return re.sub(r"[A-Za-z0-9+/=]{200,}", "", html)


def test_the_page_is_well_formed_and_shows_the_numbers(example: Example) -> None:
    html = example.write()
    page = Page(html)
    text = " ".join(page.texts)
    figures = ("0:14.00", "was 0:20.00", "60.0 %", "120.0 BPM", "A minor", "NOTE", "loud")
    rows = (
        "goes back 9.00 s",
        "music 67 %, talk 33 %",
        "the hook again",
        "--output=jam.edited.2.wav -- jam.edited.json",
    )
    for shown in figures + rows:
        assert shown in text
    joins = [button for button in page.all("button") if (button.get("aria-label") or "").startswith("Play join")]
    assert (joins[0]["data-from"], joins[0]["data-to"]) == ("4.000", "10.000")
    assert len(joins) == len(example.edit_list.joins)


def test_the_map_for_the_script_is_the_edit_list(example: Example) -> None:
    html = example.write()
    found = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', html)
    assert found is not None
    data = json.loads(found[1])
    assert data["track_s"] == example.edit_list.output_samples / RATE
    assert data["raw_s"] == example.edit_list.source.samples / RATE
    assert data["map"] == [[0, 4, 2, 6], [4, 7, 9, 12], [7, 9, 3, 5], [9, 11, 13, 15], [11, 14, 15, 18]]


def test_the_page_needs_no_network_and_runs_only_its_own_script(example: Example) -> None:
    html = example.write()
    page = Page(html)
    loading = ("src", "href", "srcset", "action", "poster")
    links = [value for _, attributes in page.tags for name, value in attributes.items() if name in loading and value]
    outside = [link for link in links if not link.startswith(("data:", "#"))]
    assert outside == ["./jam.edited.wav"]
    assert not re.search(r"https?://|url\((?!#)|@import", without_sound(html))
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"]
    for tag in ("script", "style"):
        bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert len(bodies) == 1
        digest = base64.b64encode(hashlib.sha256(bodies[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in page.policy
    assert page.policy.startswith("default-src 'none'; ")
    assert "unsafe" not in page.policy
    assert "media-src data: blob:;" in page.policy


@pytest.mark.parametrize("name", EVIL_NAMES)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no such names")
def test_names_stay_text(make_example: Callable[..., Example], name: str) -> None:
    edit_list = example_edit()
    clips = (replace(edit_list.clips[0], reason=f"</script>{name}"), *edit_list.clips[1:])
    edit_list = replace(edit_list, clips=clips, warnings=(f"CODE: {name}</style>", name))
    example = make_example(edit_list, name=name, track=f"t{name}")
    html = example.write()
    page = Page(html)
    template = (resources.files("editorbot.report") / "report.html").read_text("utf-8")
    assert {tag for tag, _ in page.tags} <= {tag.lower() for tag in re.findall("<([A-Za-z0-9]+)", template)}
    assert not page.all("img")
    assert len(re.findall("<script", html)) == 3
    assert not [n for _, attributes in page.tags for n in attributes if n.startswith("on")]
    heading = html.partition("<h1>")[2].partition("</h1>")[0]
    assert "<" not in heading
    assert "\n" not in heading


@pytest.mark.skipif(sys.platform == "win32", reason="Windows names are never bytes")
def test_names_that_are_no_utf8(make_example: Callable[..., Example]) -> None:
    html = make_example(name=os.fsdecode(b"caf\xe9.wav"), track=os.fsdecode(b"caf\xe9.edited.wav")).write()
    assert 'href="./caf%E9.edited.wav"' in html
    assert "<h1>caf\ufffd.wav</h1>" in html


@pytest.mark.parametrize(
    ("target", "link"),
    [
        ("t.wav", "./t.wav"),
        ("sub/a b#?%.wav", "./sub/a%20b%23%3F%25.wav"),
        ("../up.wav", "./../up.wav"),
        ("javascript:alert(1).wav", "./javascript%3Aalert%281%29.wav"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no such names")
def test_links_are_relative_and_percent_encoded(tmp_path: Path, target: str, link: str) -> None:
    assert link_to(tmp_path / "page.html", str(tmp_path / target)) == link


def test_the_track_is_linked_by_its_name(make_example: Callable[..., Example]) -> None:
    html = make_example(track="final & done.wav").write()
    assert 'href="./final%20%26%20done.wav">final &amp; done.wav</a>' in html


def test_long_tracks_are_played_from_their_file(example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sounds, "LONGEST_PREVIEW_S", 5.0)
    monkeypatch.setattr(sounds, "MOST_EXCERPTS", 2)
    page = Page(example.write())
    assert page.all("audio")[0]["src"] == "./jam.edited.wav"
    assert "media-src data: blob: 'self' file:;" in page.policy
    embedded = {script["id"] for script in page.all("script") if (script.get("id") or "").startswith("sound-")}
    used = {button["data-sound"] for button in page.all("button") if "data-sound" in button}
    assert embedded == used
    assert embedded == {"sound-2", "sound-3"}  # the riskiest


def test_a_list_that_keeps_all_has_no_joins(make_example: Callable[..., Example]) -> None:
    edit_list = example_edit()
    whole = replace(edit_list, clips=(Clip(0, edit_list.source.samples),), joins=(), beats=())
    example = make_example(whole)
    text = " ".join(Page(example.write()).texts)
    assert "There are none: the track is one piece." in text
    assert "Nothing was left out." in text
    assert "100.0 %" in text


def test_no_scores_no_curve(make_example: Callable[..., Example]) -> None:
    edit_list = replace(example_edit(), beats=(), warnings=())
    html = make_example(edit_list).write(loudness_before=None, loudness_after=None)
    assert 'class="score"' not in html
    assert "not measured" in html
    assert 'class="warnings"' not in html


@pytest.mark.parametrize("channels", [1, 6])
def test_mono_and_surround(make_example: Callable[..., Example], channels: int) -> None:
    html = make_example(example_edit(channels=channels), channels=channels).write()
    assert f"{channels} channel{'s' if channels > 1 else ''} at {RATE} Hz" in html
    assert 'id="sound-track"' in html


def test_warnings_of_the_analysis_are_shown_once(make_example: Callable[..., Example]) -> None:
    edit_list = replace(example_edit(), warnings=("NO_BEAT: no pulse",))
    example = make_example(edit_list)
    example = replace(example, analysis=replace(example.analysis, warnings=("NO_BEAT: no pulse", "DC_OFFSET: 0.2")))
    text = example.write()
    assert text.count("no pulse") == 1
    assert "<h2>2 warnings</h2>" in text


def test_a_very_short_recording(make_example: Callable[..., Example]) -> None:
    edit_list = example_edit()
    source = replace(edit_list.source, samples=480)
    edit_list = replace(edit_list, source=source, clips=(Clip(0, 480),), joins=(), beats=())
    assert "0:00.03" in make_example(edit_list).write()


def test_thousands_of_joins_give_a_page_of_some_megabytes(make_example: Callable[..., Example]) -> None:
    clips = tuple(Clip(k * 160, k * 160 + 80) for k in range(2000))
    edit_list = replace(example_edit(), clips=clips, joins=tuple(Join(4, 0.5) for _ in clips[1:]))
    html = make_example(edit_list).write()
    assert len(html) < 6e6
    assert html.count('aria-label="Play join') == report.MOST_ROWS
    assert "1499 more are in the edit list" in html


def test_the_same_edit_gives_the_same_page(example: Example) -> None:
    assert example.write() == example.write()


def test_progress_rises_to_one(example: Example) -> None:
    shares: list[float] = []
    example.write(progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_columns_count_as_played_by_their_larger_part(example: Example) -> None:
    with open_recording(example.raw) as recording:
        peaks = scan_peaks(recording, columns=7)
    naive = np.zeros(example.edit_list.source.samples, bool)
    for clip in example.edit_list.clips:
        naive[clip.start : clip.end] = True
    width = peaks.column_samples
    expected = [naive[k * width : (k + 1) * width].mean() >= 0.5 for k in range(peaks.columns)]
    assert played_columns(example.edit_list, peaks).tolist() == expected


def test_a_page_that_cannot_be_written_leaves_nothing(example: Example, tmp_path: Path) -> None:
    moved = replace(example, page=tmp_path / "no" / "page.html")
    with pytest.raises(OutputError):
        moved.write()
    assert not (tmp_path / "no").exists()


def reversed_edit() -> EditList:
    edit_list = example_edit()
    return replace(edit_list, clips=(replace(edit_list.clips[0], reverse=True), *edit_list.clips[1:]))


def test_a_reversed_clip_runs_backwards_in_the_map(make_example: Callable[..., Example]) -> None:
    assert '"map": [[0.0, 4.0, 6.0, 2.0]' in make_example(reversed_edit()).write()


def test_a_reversed_clip_is_left_where_it_is_heard_last() -> None:
    """The join's corner in the self-similarity picture, on a side of 100 s: left at 2 s, the clip's start."""
    side = 100.0 * example_edit().source.sample_rate
    forward, backward = _crossings(example_edit(), side)[0], _crossings(reversed_edit(), side)[0]
    assert (forward.left, backward.left) == (6.0, 2.0)
    assert forward.entered == backward.entered
