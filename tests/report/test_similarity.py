"""Self-similarity of material that is known to repeat."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest

from editorbot.analysis.spectrum import STEP_COLUMNS
from editorbot.report.similarity import MOST_PLACES, palette, png, self_similarity, similarity_uri


def steps_of(pattern: str, repeats: int = 10) -> np.ndarray:
    """Return a step grid with one random row for each letter."""
    rng = np.random.default_rng(0)
    rows = {letter: rng.standard_normal(len(STEP_COLUMNS)) for letter in sorted(set(pattern))}
    return np.repeat([rows[letter] for letter in pattern], repeats, axis=0).astype(np.float32)


def test_what_comes_again_is_alike_and_what_differs_is_not() -> None:
    similarity = self_similarity(steps_of("ABA"))
    assert similarity.shape == (30, 30)
    assert similarity[5, 25] == pytest.approx(1.0, abs=1e-5)
    assert similarity[5, 15] < 0
    np.testing.assert_allclose(similarity, similarity.T, atol=1e-6)


def test_columns_behind_the_chroma_do_not_count() -> None:
    steps = steps_of("ABAC")
    other = steps.copy()
    other[:, 52:] = 1e6
    np.testing.assert_array_equal(self_similarity(steps), self_similarity(other))


@pytest.mark.parametrize("steps", [1, 2, 399, 400, 401, 58_000])
def test_hours_become_at_most_400_places(steps: int) -> None:
    similarity = self_similarity(np.ones((steps, len(STEP_COLUMNS)), np.float32))
    assert len(similarity) <= MOST_PLACES
    assert len(similarity) >= min(steps, MOST_PLACES // 2)
    assert np.isfinite(similarity).all()


def test_silence_is_like_nothing() -> None:
    assert not self_similarity(np.zeros((5, len(STEP_COLUMNS)), np.float32)).any()


def test_picture_is_a_png_that_others_read() -> None:
    from matplotlib.image import imread

    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    read = imread(io.BytesIO(png(pixels, palette())), format="png")
    np.testing.assert_array_equal(np.rint(read[..., :3] * 255).astype(np.uint8), palette()[pixels])


def test_the_palette_grows_lighter_all_the_way() -> None:
    lightness = palette() @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness[::4]) > 0).all()


def test_picture_is_embedded() -> None:
    uri = similarity_uri(np.eye(3, dtype=np.float32))
    assert base64.b64decode(uri.removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")
