"""The page in a real browser: it draws, it plays, and it runs nothing but its own script."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from editorbot.report import sounds
from tests.report.conftest import Example, example_edit

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
EVIL_NAME = "<img src=x onerror=window.evil=1><script>window.evil=1<!--\" onload='window.evil=1.wav"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start the installed browser, with sound that needs no hand to start it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if program is None:
        pytest.skip(f"no browser is installed: looked for {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
        )
        yield started
        started.close()


@dataclass
class Visit:
    """An open page and everything it complained of."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[[Example], Visit]]:
    """Return a function that opens an example's page."""
    pages = []

    def open_page(example: Example) -> Visit:
        seen = Visit(browser.new_page(viewport={"width": 1000, "height": 800}))
        pages.append(seen.page)
        seen.page.on("console", lambda message: seen.complaints.append(message.text))
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.on("requestfailed", lambda request: seen.complaints.extend(failure_of(request)))
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        seen.page.goto(example.page.as_uri())
        seen.page.wait_for_load_state("load")
        return seen

    yield open_page
    for page in pages:
        page.close()


def failure_of(request: Any) -> list[str]:
    """Return what failed; a browser that has read enough of a sound stops reading, which is no failure."""
    stopped = request.resource_type == "media" and request.failure == "net::ERR_ABORTED"
    return [] if stopped else [f"{request.url}: {request.failure}"]


def wait_until_past(page: Any, seconds: float) -> None:
    """Wait until the player plays behind a place."""
    page.wait_for_function("at => document.getElementById('player').currentTime > at", arg=seconds, timeout=15_000)


def player(page: Any, what: str) -> Any:
    return page.evaluate(f"document.getElementById('player').{what}")


def test_the_page_opens_without_a_complaint_and_loads_nothing(example: Example, visit: Callable[..., Visit]) -> None:
    example.write()
    seen = visit(example)
    seen.page.wait_for_function("() => document.getElementById('player').readyState >= 1", timeout=15_000)
    assert player(seen.page, "duration") == pytest.approx(14.0, abs=0.1)
    outside = [url for url in seen.requests if not url.startswith(("data:", "blob:"))]
    assert outside == [example.page.as_uri()]
    assert seen.complaints == []


def test_a_join_plays_around_its_place_and_stops(example: Example, visit: Callable[..., Visit]) -> None:
    example.write()
    seen = visit(example)
    button = seen.page.locator("button[aria-label='Play join 2']")
    button.focus()
    seen.page.keyboard.press("Enter")
    wait_until_past(seen.page, 4.0)
    assert player(seen.page, "currentTime") < 10.0
    assert "on" in button.get_attribute("class").split()
    assert "shown" in (seen.page.locator("#raw-head").get_attribute("class") or "")
    seen.page.evaluate("document.getElementById('player').currentTime = 9.8")
    seen.page.wait_for_function("() => document.getElementById('player').paused", timeout=15_000)
    assert player(seen.page, "currentTime") == pytest.approx(10.0, abs=0.5)
    assert "on" not in button.get_attribute("class").split()
    assert seen.complaints == []


def test_clicks_into_the_waveforms_seek(example: Example, visit: Callable[..., Visit]) -> None:
    example.write()
    page = visit(example).page
    box = page.locator("#track-wave").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
    wait_until_past(page, 6.9)
    assert player(page, "currentTime") < 8.5
    raw = page.locator("#raw").bounding_box()
    page.mouse.click(raw["x"] + raw["width"] * 16.3 / 20, raw["y"] + 10)  # 16.3 s of the recording, in the last clip
    wait_until_past(page, 12.2)
    assert page.locator("#says").inner_text() == "0:16 of the recording is 0:12 of the track."
    page.mouse.click(raw["x"] + raw["width"] * 7.3 / 20, raw["y"] + 10)
    assert page.locator("#says").inner_text() == "0:07 of the recording was cut."


def test_keys_move_the_position(example: Example, visit: Callable[..., Visit]) -> None:
    example.write()
    page = visit(example).page
    page.locator("#track-wave").focus()
    page.keyboard.press("ArrowRight")
    wait_until_past(page, 4.9)
    page.keyboard.press(" ")
    assert player(page, "paused")
    assert page.locator("#track-wave").get_attribute("aria-valuetext") == "0:05"


def test_a_dot_in_the_matrix_plays_its_join(example: Example, visit: Callable[..., Visit]) -> None:
    example.write()
    page = visit(example).page
    page.locator("#matrix circle[data-join='1']").click()
    wait_until_past(page, 1.0)


def test_excerpts_and_the_file_beside_it_play_where_the_track_is_long(
    example: Example, visit: Callable[..., Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sounds, "LONGEST_PREVIEW_S", 5.0)
    monkeypatch.setattr(sounds, "MOST_EXCERPTS", 1)
    example.write()
    seen = visit(example)
    seen.page.locator("button[data-sound='sound-2']").click()
    seen.page.wait_for_function(
        "() => parseFloat(document.getElementById('track-head').getAttribute('x1')) > 100 * 4.1 / 14", timeout=15_000
    )
    assert player(seen.page, "currentTime") == 0
    seen.page.locator("button[aria-label='Play join 1']").click()  # not embedded: from the track's file
    wait_until_past(seen.page, 1.1)
    assert seen.complaints == []
    assert {url for url in seen.requests if url.startswith("file:")} == {example.page.as_uri(), example.track.as_uri()}


def test_a_track_that_is_gone_is_said(
    example: Example, visit: Callable[..., Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sounds, "LONGEST_PREVIEW_S", 5.0)
    example.write()
    example.track.unlink()
    page = visit(example).page
    page.wait_for_function("() => document.getElementById('says').textContent.startsWith('The track could not')")


def test_evil_names_run_no_script(make_example: Callable[..., Example], visit: Callable[..., Visit]) -> None:
    edit_list = example_edit()
    clips = tuple(replace(clip, reason=f"</script></style></title>{EVIL_NAME}") for clip in edit_list.clips)
    edit_list = replace(edit_list, clips=clips, warnings=(f"BAD: {EVIL_NAME}",))
    example = make_example(edit_list, name=EVIL_NAME, track=f"t{EVIL_NAME}")
    example.write()
    seen = visit(example)
    assert seen.page.evaluate("window.evil") is None
    assert seen.page.locator("h1").inner_text() == EVIL_NAME
    assert seen.page.locator("img").count() == 0
    assert seen.complaints == []


def test_the_policy_stops_what_the_template_would_miss(example: Example, visit: Callable[..., Visit]) -> None:
    html = example.write()
    inserted = "<img src=x onerror='window.evil=1'><script>window.evil=1</script><h1 onclick='window.evil=1'>"
    example.page.write_text(html.replace("<h1>", inserted), encoding="utf-8")
    seen = visit(example)
    seen.page.locator("h1").first.click()
    assert seen.page.evaluate("window.evil") is None
    assert len(seen.complaints) >= 2  # each refusal is reported


def test_the_page_is_never_wider_than_the_screen(
    make_example: Callable[..., Example], visit: Callable[..., Visit]
) -> None:
    example = make_example(name="a_very_long_name_without_any_space_" * 5)
    example.write()
    page = visit(example).page
    for width in (320, 390, 800, 1600):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
