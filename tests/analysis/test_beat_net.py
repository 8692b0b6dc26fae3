from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from editorbot.analysis.bars import network_downbeat_odds
from editorbot.analysis.beat_confidence import network_confidence
from editorbot.analysis.beat_decoder import DecoderCosts, decode_beats
from editorbot.analysis.beat_net import (
    INPUT_COUNT,
    SHIPPED,
    BeatNet,
    BeatNetConfig,
    inputs_of,
    log_odds,
    read_beat_net,
    shapes_of,
)
from editorbot.analysis.novelty import novelty
from editorbot.analysis.trackers import choose_tracker
from editorbot.errors import FormatError, MismatchError
from tests.analysis.rhythm_sounds import drums, steady, tracks_of

TINY = BeatNetConfig(width=4, context=6, dilations=(1, 3))
PERIODS = np.array([10.0, 11.0, 12.5, 14.0, 20.0, 22.0])
RNG = np.random.default_rng


def random_weights(config: BeatNetConfig, seed: int = 0) -> dict[str, np.ndarray]:
    rng = RNG(seed)
    return {
        name: (rng.standard_normal(shape) / 3).astype(np.float32) for name, shape in sorted(shapes_of(config).items())
    }


def naive_log_odds(inputs: np.ndarray, weights: dict[str, np.ndarray], config: BeatNetConfig) -> np.ndarray:
    """Frame by frame, tap by tap."""

    def convolved(rows: np.ndarray, name: str, dilation: int) -> np.ndarray:
        kernel = weights[f"{name}.weight"]
        out = np.tile(weights[f"{name}.bias"], (len(rows), 1)).astype(np.float64)
        for t in range(len(rows)):
            for tap in range(kernel.shape[2]):
                at = t + (tap - kernel.shape[2] // 2) * dilation
                if 0 <= at < len(rows):
                    out[t] += kernel[:, :, tap] @ rows[at]
        return out

    def linear(rows: np.ndarray, name: str) -> np.ndarray:
        return np.array([weights[f"{name}.weight"] @ row + weights[f"{name}.bias"] for row in rows])

    rows = np.vstack([inputs, np.zeros((-len(inputs) % config.stride, inputs.shape[1]))])
    heard = np.maximum(convolved(np.maximum(convolved(rows, "enter", 1), 0), "front", 1), 0)
    slow = np.maximum(linear(heard.reshape(-1, config.stride * config.width), "down"), 0)
    for number, dilation in enumerate(config.dilations):
        slow = slow + linear(np.maximum(convolved(slow, f"look.{number}", dilation), 0), f"mix.{number}")
    heard = np.maximum(heard + linear(slow, "up").reshape(-1, config.width), 0)
    return linear(np.maximum(convolved(heard, "back", 1), 0), "decide")[: len(inputs)]


@pytest.mark.parametrize("frames", [1, 2, 5, 21])
def test_the_network_is_its_naive_twin(frames: int) -> None:
    inputs = RNG(frames).standard_normal((frames, INPUT_COUNT)).astype(np.float32)
    weights = random_weights(TINY)
    assert np.abs(log_odds(inputs, weights, TINY) - naive_log_odds(inputs, weights, TINY)).max() < 1e-4


@pytest.mark.parametrize("block", [4, 8, 40])
def test_block_by_block_is_the_same(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = RNG(block).standard_normal((203, INPUT_COUNT)).astype(np.float32)
    weights = random_weights(TINY)
    whole = log_odds(inputs, weights, TINY)
    monkeypatch.setattr("editorbot.analysis.beat_net.BLOCK_FRAMES", block)
    assert np.abs(log_odds(inputs, weights, TINY) - whole).max() < 1e-4


def test_inputs_are_bounded_and_one_row_a_frame() -> None:
    tracks = tracks_of(drums(steady(120.0, 0.3, 9.0), 4, 10.0))
    inputs = inputs_of(tracks, novelty(tracks))
    assert inputs.shape == (len(tracks.level_db), INPUT_COUNT)
    assert np.isfinite(inputs).all()
    assert np.abs(inputs).max() <= 3.0


SHORT = np.array([5.0, 5.9, 7.2, 8.3])
"""Periods so short that all chains over 30 frames can be told; the first and the last are out of each other's reach."""
HOP = 10
"""Frames between the rows of the tempo."""
Chain = tuple[tuple[int, int], ...]
"""Beats, each with the index of its period."""


def all_chains(frames: int, periods: np.ndarray) -> list[Chain]:
    """Every chain that begins in its first period and ends in its last, by laying beat after beat."""
    whole: list[int] = [int(period) for period in periods]
    begun: list[Chain] = [((t, k),) for k, length in enumerate(whole) for t in range(length)]
    ended: list[Chain] = []
    while begun:
        chain = begun.pop()
        last, column = chain[-1]
        if last >= frames - periods[column]:
            ended.append(chain)
        for k in range(max(0, column - 2), min(len(whole), column + 3)):
            for step in (whole[k], whole[k] + 1):
                if last + step < frames:
                    begun.append((*chain, (last + step, k)))
    return ended


def worth(chain: Chain, odds: np.ndarray, profile: np.ndarray, tempo: np.ndarray, costs: DecoderCosts) -> float:
    """What a chain over SHORT periods earns and pays, beat by beat, as if it went on to the last frame."""
    frames, total, before = len(odds), 0.0, None
    for t, k in chain:
        period = float(SHORT[k])
        quarters = [round(t - period + quarter * period / 4) for quarter in (1, 2, 3)]
        fit = profile[0, t] + sum(profile[number + 1, at] for number, at in enumerate(quarters) if at >= 0)
        fit += tempo[min((t + HOP // 2) // HOP, len(tempo) - 1), k]
        total += min(max(float(odds[t]) + costs.shift, costs.lowest), costs.highest)
        if before is None:
            total += fit * period * min(1.0, (t + 1) / period)
        else:
            gap, change = t - before[0], abs(k - before[1])
            total += fit * period - costs.tempo_change * change - costs.off_tempo * abs(gap - period)
        before = (t, k)
    return total * (frames - 1) / chain[-1][0]


class TestDecoder:
    def chain(self, odds: np.ndarray, costs: DecoderCosts = DecoderCosts()) -> np.ndarray:  # noqa: B008
        flat = np.zeros((4, len(odds)), dtype=np.float32)
        return decode_beats(
            odds.astype(np.float32), flat, np.zeros((1, len(PERIODS)), dtype=np.float32), 10_000, PERIODS, costs
        )

    @pytest.mark.parametrize("period", [10.0, 12.5, 20.0])
    def test_even_beats_are_found(self, period: float) -> None:
        beats = np.round(np.arange(3, 400, period)).astype(int)
        odds = np.full(400, -4.0)
        odds[beats] = 3.0
        found = self.chain(odds)
        assert np.array_equal(found[(found >= 3)], beats)

    def test_beats_that_fall_out_are_bridged(self) -> None:
        beats = np.arange(5, 400, 20)
        odds = np.full(400, -4.0)
        odds[np.delete(beats, [6, 7, 12])] = 3.0
        assert np.isin(beats, self.chain(odds)).all()

    @pytest.mark.parametrize("seed", range(6))
    def test_it_is_the_best_of_all_chains(self, seed: int) -> None:
        rng = RNG(seed)
        odds = rng.normal(-1, 2, 30).astype(np.float32)
        profile, tempo = (rng.normal(0, 0.3, shape).astype(np.float32) for shape in ((4, 30), (3, len(SHORT))))
        costs = DecoderCosts(tempo_change=float(rng.uniform(0.1, 2)), off_tempo=float(rng.uniform(0.1, 2)))
        chains = all_chains(30, SHORT)
        worths = [worth(chain, odds, profile, tempo, costs) for chain in chains]
        best = [beat for beat, _ in chains[int(np.argmax(worths))]]
        assert decode_beats(odds, profile, tempo, HOP, SHORT, costs).tolist() == best

    def test_too_little_sound_has_no_beats(self) -> None:
        assert len(self.chain(np.zeros(20))) == 0


def test_downbeats_are_judged_among_beats() -> None:
    odds = np.full((40, 2), -5.0, dtype=np.float32)
    odds[[5, 15, 25, 35], 0] = 3.0
    odds[[5, 25], 1] = 3.0
    heard = network_downbeat_odds(odds, np.array([5, 15, 25, 35]))
    assert (heard > 0).tolist() == [True, False, True, False]


CARD = {"format": "editorbot.beats", "inputs_version": 1, "outputs": ["beat", "downbeat"],
        "config": {"inputs": 30, "width": 4, "context": 6, "stride": 4, "dilations": [1, 3]}}  # fmt: skip


class TestCard:
    def test_shipped_weights_are_read(self) -> None:
        net = read_beat_net()
        assert sum(value.size for value in net.weights.values()) < 300_000
        assert json.loads(SHIPPED.with_suffix(".json").read_text(encoding="utf-8"))["licence"]

    def test_what_is_no_beat_network_is_refused(self, tmp_path: Path) -> None:
        weights = random_weights(TINY)

        def read(card: object, tensors: dict[str, np.ndarray] = weights) -> BeatNet:
            path = tmp_path / "a.safetensors"
            save_file(tensors, path)
            path.with_suffix(".json").write_text(json.dumps(card))
            read_beat_net.cache_clear()
            return read_beat_net(path)

        assert read(CARD).config == TINY
        for wrong in ([], {**CARD, "format": "x"}, {**CARD, "config": {"inputs": 30}}):
            with pytest.raises(FormatError):
                read(wrong)
        for wrong in ({**CARD, "inputs_version": 0}, {**CARD, "outputs": ["beat"]}):
            with pytest.raises(MismatchError):
                read(wrong)
        with pytest.raises(FormatError, match=r"up.weight"):
            read(CARD, {**weights, "up.weight": weights["up.weight"][:1]})
        path = tmp_path / "b.safetensors"
        path.write_bytes(b"nonsense")
        path.with_suffix(".json").write_text("{}")
        with pytest.raises(FormatError):
            read_beat_net(path)


def test_beats_that_the_network_hears_are_trusted() -> None:
    odds = np.full((400, 2), -4.0, dtype=np.float32)
    path = np.arange(10, 400, 10)
    odds[path[:20], 0] = 4.0
    trust = network_confidence(odds, path)
    assert trust[:10].min() > 0.8
    assert trust[-8:].max() < 0.1


@pytest.mark.parametrize("tempo_bpm", [80.0, 125.0, 170.0])
def test_the_shipped_network_follows_a_band(tempo_bpm: float) -> None:
    beats_s = steady(tempo_bpm, 0.3, 24.0)
    sound = drums(beats_s, 4, 25.0)
    grid = choose_tracker("embedded")(tracks_of(sound), 25.0, lambda: sound)
    assert np.mean(np.abs(beats_s[:, None] - grid.beats_s).min(axis=1) < 0.07) > 0.95
    assert 60 / np.median(np.diff(grid.beats_s)) == pytest.approx(tempo_bpm, rel=0.02)
    downbeats_s = grid.beats_s[grid.downbeats]
    assert np.mean(np.abs(beats_s[::4][1:-1, None] - downbeats_s).min(axis=1) < 0.07) > 0.9


def test_the_shipped_network_finds_no_beat_where_there_is_none() -> None:
    noise = 0.1 * RNG(0).standard_normal(30 * 22_050).astype(np.float32)
    grid = choose_tracker("embedded")(tracks_of(noise), 30.0, lambda: noise)
    assert any(line.startswith("NO_BEAT") for line in grid.warnings)
