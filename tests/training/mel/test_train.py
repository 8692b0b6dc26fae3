"""Losses against naive twins; training learns, resumes bit for bit, and stops where a loss is no number."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from scipy.signal import butter, sosfilt

from editorbot.corpus.alignment.frame_ops import FrameOp
from editorbot.corpus.cache_files import content_digest
from editorbot.corpus.precache import read_mel, write_mel
from editorbot.corpus.truth import Segment, Truth, write_truth
from editorbot.errors import NonFiniteError, SplitError, UnreadableError, UsageError
from editorbot.models.mel_config import BANDS, SUMMARY_PLANES, UNKNOWN_LABEL, Mel2MelConfig, ReconstructConfig
from editorbot.polish.equalizer import GainLimits, equalize_blocks
from editorbot.polish.mel_summary import SummaryMeter, power_db
from editorbot.recording import open_recording
from editorbot.timebase import ANALYSIS_RATE
from editorbot.training.mel import losses as mel_losses
from editorbot.training.mel.augment import (
    changed_example,
    finished_example,
    ruined_anew,
    summary_of,
    under_one_curve,
)
from editorbot.training.mel.examples import example_of, mel_power_of, read_example, write_example
from editorbot.training.mel.losses import LossWeights
from editorbot.training.mel.make_examples import make_again
from editorbot.training.mel.pair_examples import aligned_example, best_lag, examples_of_pairs
from editorbot.training.mel.run import MelRun, example_files, run_mel
from editorbot.training.mel.settings import MelTraining
from editorbot.training.mel.train import MelState, is_overfitting, train_mel
from tests.corpus.ready_pairs import ready_pair
from tests.sounds import band, write

SHAPES = (ReconstructConfig(16, 16, 1, 2, 8, 64), Mel2MelConfig(16, (1, 2), 8, 64))
QUICK = LossWeights(1.0, 0.0, 0.02, 0.0)


def dulled(sound):
    return sosfilt(butter(1, 800, fs=ANALYSIS_RATE, output="sos"), sound).astype(np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    paths = []
    for seed in range(4):
        finished = band(3.0, ANALYSIS_RATE, seed=seed, root_hz=90.0 + 20 * seed)[None].astype(np.float32)
        paths.append(folder / f"{seed}.npz")
        write_example(paths[-1], example_of(dulled(finished), finished))
    return paths


def training(shape, **changes):
    values = {"epochs": 4, "batch_size": 4, "learning_rate": 1e-2, "window_frames": 64, "weights": QUICK}
    return MelTraining(shape=shape, **{**values, **changes})


def mels(seed=0):
    generator = torch.Generator().manual_seed(seed)
    raw, edited, wanted = (torch.rand(2, 100, BANDS, generator=generator) for _ in range(3))
    return raw, edited, wanted, (torch.rand(2, 100, generator=generator) > 0.3).float()


def test_l1_is_the_mean_over_known_frames():
    _, edited, wanted, mask = mels()
    naive = np.mean([abs(float(edited[b, t, k] - wanted[b, t, k])) for b in range(2) for t in range(100)
                     for k in range(0, BANDS, 16) if mask[b, t]])  # fmt: skip
    thin = mel_losses.l1_loss(edited[:, :, ::16], wanted[:, :, ::16], mask)
    assert float(thin) == pytest.approx(naive, abs=1e-5)
    assert float(mel_losses.l1_loss(edited, wanted, torch.zeros(2, 100))) == 0


def test_consistency_lets_slow_tone_pass_and_counts_what_is_faster():
    raw, *_ = mels()
    kept = torch.ones(2, 100)
    assert float(mel_losses.edit_consistency_loss(raw + 0.3 * torch.rand(1, 1, BANDS), raw, kept)) < 1e-6
    change = torch.randn(2, 100, BANDS)
    reach = round(mel_losses.SLOW_S / mel_losses.FRAME_S / 2)
    padded = np.pad(change.numpy(), ((0, 0), (reach, reach), (0, 0)), mode="reflect")
    slow = np.stack([padded[:, at : at + 2 * reach + 1].mean(axis=1) for at in range(100)], axis=1)
    naive = np.abs(change.numpy() - slow).mean()
    assert float(mel_losses.edit_consistency_loss(raw + change, raw, kept)) == pytest.approx(naive, rel=1e-4)


def test_features_are_steps_between_bands_and_frames():
    _, edited, wanted, mask = mels()
    e, w, m = edited.numpy(), wanted.numpy(), mask.numpy()
    bands = np.abs(np.diff(e, axis=2) - np.diff(w, axis=2))[m > 0].mean()
    frames = np.abs(np.diff(e, axis=1) - np.diff(w, axis=1))[(m[:, 1:] * m[:, :-1]) > 0].mean()
    assert float(mel_losses.feature_loss(edited, wanted, mask)) == pytest.approx(bands + frames, rel=1e-4)


def test_gates_are_to_close_where_nothing_is_to_be_done():
    raw, _, wanted, _ = mels()
    wanted[1] = raw[1]
    gate = torch.tensor([0.9, 0.2])[:, None, None]
    naive = -(np.log(0.9) + np.log(1 - 0.2)) / 2
    assert float(mel_losses.gate_loss(gate, raw, wanted)) == pytest.approx(naive, rel=1e-5)
    more, raws, wants = (torch.cat([one, one[:1]]) for one in (gate, raw, wanted))
    assert float(mel_losses.gate_loss(more, raws, wants)) == pytest.approx(naive, rel=1e-5)
    assert float(mel_losses.gate_loss(gate[:1], raw[:1], wanted[:1])) == pytest.approx(-np.log(0.9), rel=1e-5)


def test_stft_loss_of_a_naive_twin():
    generator = torch.Generator().manual_seed(0)
    sound, wanted = torch.randn(1, 4_096, generator=generator), torch.randn(1, 4_096, generator=generator)
    total = 0.0
    for size in mel_losses.STFT_SIZES:
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
        spectra = []
        for side in (sound, wanted):
            padded = np.pad(side[0].numpy(), size // 2, mode="reflect")
            starts = range(0, len(padded) - size + 1, size // 4)
            spectra.append(np.array([np.fft.rfft(window * padded[at : at + size]) for at in starts]))
        near, far = (np.abs(one) for one in spectra)
        total += np.linalg.norm(far - near) / np.linalg.norm(far) + np.abs(np.log(near / far)).mean()
        total += np.abs(spectra[0] - spectra[1]).mean() / far.mean()
    assert float(mel_losses.multiscale_stft_loss(sound, wanted)) == pytest.approx(total / 3, rel=1e-3)
    assert float(mel_losses.multiscale_stft_loss(wanted, wanted)) < 1e-2


def test_two_of_its_parts_are_auraloss():
    auraloss = pytest.importorskip("auraloss")
    sound, wanted = torch.randn(1, 1, 8_192), torch.randn(1, 1, 8_192)
    sizes = list(mel_losses.STFT_SIZES)
    theirs = auraloss.freq.MultiResolutionSTFTLoss(sizes, [size // 4 for size in sizes], sizes, eps=1e-7)(sound, wanted)
    distance = 0.0
    for size in sizes:
        here, there = (torch.stft(x[0], size, size // 4, window=torch.hann_window(size), return_complex=True)
                       for x in (sound, wanted))  # fmt: skip
        distance += float((here - there).abs().mean() / there.abs().mean())
    ours = mel_losses.multiscale_stft_loss(sound[0], wanted[0])
    assert float(ours) - distance / 3 == pytest.approx(float(theirs), rel=2e-2)


def test_sound_under_gain_is_what_polish_does():
    rng = np.random.default_rng(0)
    sound = rng.standard_normal(512 * 20).astype(np.float32) * 0.1
    change = rng.normal(0, 0.05, (23, BANDS)).astype(np.float32)
    ours = mel_losses.sound_under_gain(torch.from_numpy(sound)[None], torch.from_numpy(change)[None])[0].numpy()
    gains, limits = [change * np.float32(80)], GainLimits(60.0, 60.0, 0, 0)
    blocks = equalize_blocks([sound[:, None].astype(np.float64)], ANALYSIS_RATE, 1, gains, limits)
    theirs = np.concatenate(list(blocks))[:, 0]
    assert np.allclose(ours, theirs, atol=1e-5)


def test_loudness_is_taken_out():
    raw, edited, *_ = mels()
    moved = mel_losses.at_loudness_of(edited, raw)
    again = mel_losses.at_loudness_of(edited + 0.2, raw)
    assert torch.allclose(moved, again, atol=1e-5)
    assert torch.allclose(mel_losses.at_loudness_of(raw, raw), raw, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_learns_that_finished_tracks_are_brighter(files, shape):
    reports = []
    train_mel(
        files,
        files,
        training(shape, epochs=25, learning_rate=4e-3, changes_tone=False),
        on_epoch=lambda report, state: reports.append(report.metrics),
    )
    assert reports[-1]["val/edited_db"] < 0.8 * reports[-1]["val/raw_db"]


def test_every_loss_trains(files):
    reports = []
    config = training(SHAPES[1], epochs=4, learning_rate=3e-3, weights=LossWeights(1.0, 1.0, 0.5, 0.1))
    train_mel(files, files[:1], config, on_epoch=lambda report, state: reports.append(report.metrics))
    assert {"train/l1_loss", "train/msstft_loss", "val/total_loss", "train/feature_loss"} <= set(reports[0])
    assert reports[-1]["train/total_loss"] < reports[0]["train/total_loss"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_resumed_run_ends_with_the_same_weights(files, shape):
    states = []
    whole = train_mel(files, files, training(shape), on_epoch=lambda report, state: states.append(_copy(state)))
    resumed = train_mel(files, files, training(shape), state=states[1])
    for one, other in zip(whole.parameters(), resumed.parameters()):
        assert torch.equal(one, other)


def _copy(state):
    import copy

    return MelState(state.epoch, dict(state.network), copy.deepcopy(state.optimizer), list(state.history))


def test_a_loss_that_is_no_number_stops_with_the_last_good_state(files):
    states = []

    def poison(report, state):
        states.append(state)
        for value in network_values:
            value.data.fill_(float("nan"))

    network_values = []
    from editorbot.training.mel import train as train_module

    built = train_module.build

    def remembered(shape):
        network = built(shape)
        network_values.extend(network.parameters())
        return network

    train_module.build = remembered
    try:
        with pytest.raises(NonFiniteError, match="epoch 1"):
            train_mel(files, files, training(SHAPES[1]), on_epoch=poison)
    finally:
        train_module.build = built
    assert len(states) == 1
    assert all(torch.isfinite(value).all() for value in states[0].network.values())


def test_overfitting_is_told_of_once():
    falling, rising = [5.0, 4.0, 3.0], [3.1, 3.2, 3.3, 3.4, 3.5, 3.6]
    told = [is_overfitting([*falling, *rising][:end]) for end in range(1, 10)]
    assert told == [False] * 7 + [True, False]


def test_impossible_settings_are_refused():
    with pytest.raises(UsageError, match="chunk_frames"):
        training(SHAPES[0], window_frames=65)
    with pytest.raises(UsageError, match="learning rate"):
        training(SHAPES[0], learning_rate=0.0)


def test_summaries_of_the_track_and_of_a_mel_agree(files):
    example = read_example(files[0])
    assert np.abs(summary_of(example.raw.astype(np.float32)) - example.summary).max() < 0.05
    whole, parts = SummaryMeter(), SummaryMeter()
    mel_db = power_db(mel_power_of(band(3.0, ANALYSIS_RATE)[None].astype(np.float32)))
    whole.add(mel_db)
    for at in range(0, len(mel_db), 7):
        parts.add(mel_db[at : at + 7])
    assert np.abs(whole.summary() - parts.summary()).max() < 0.1


def planes(mel):
    return dict(zip(SUMMARY_PLANES, summary_of(mel).reshape(len(SUMMARY_PLANES), -1)))


def test_levels_and_steps_of_a_summary_are_quantiles():
    mel = np.random.default_rng(5).uniform(0, 1, (200, 128)).astype(np.float32)
    told, ordered = planes(mel), np.sort(mel, axis=0)
    assert np.allclose(told["floor"], ordered[3] - 0.5)
    assert np.allclose(told["middle"], ordered[99] - 0.5)
    assert np.allclose(told["peak"], ordered[195] - 0.5)
    steps = np.sort(mel[3:] - mel[:-3], axis=0)
    assert np.allclose(told["fall"], 2 * steps[9])
    assert np.allclose(told["rise"], 2 * steps[187])


def test_noise_lifts_the_floor_and_a_room_slows_the_fall():
    beats = np.where(np.arange(240)[:, None] % 24 < 4, 1.0, 0.2).astype(np.float32) * np.ones(128, np.float32)
    noisy = np.maximum(beats, 0.45)
    tail = np.maximum(beats, (1.0 - 0.01 * (np.arange(240) % 24)).astype(np.float32)[:, None])
    plain = planes(beats)
    assert (planes(noisy)["floor"] > plain["floor"] + 0.2).all()
    assert (planes(tail)["fall"] > plain["fall"] + 0.5).all()
    assert np.allclose(planes(tail)["rise"], 2 * (1.0 - 0.79), atol=0.1)


def test_examples_hear_the_highest_bands_at_their_own_rate():
    noise = np.random.default_rng(0).standard_normal((1, 3 * 44_100)).astype(np.float32) * np.float32(0.1)
    example = example_of(noise, noise, rate=44_100)
    mean = example.raw.astype(np.float32).mean(axis=0)
    assert abs(mean[-1] - mean[100]) < 3 / 80
    hops = len(example.raw) - 3
    assert abs(len(example.raw_sound) - hops * 512) <= 512


def test_changed_examples_stay_examples(files):
    example = read_example(files[0])
    changed = [changed_example(example, np.random.default_rng(seed)) for seed in range(12)]
    assert all(one.raw.shape == example.raw.shape and np.isfinite(one.summary).all() for one in changed)
    assert sum(one is example for one in changed) < 12
    again = changed_example(example, np.random.default_rng(3))
    assert np.array_equal(again.raw, changed[3].raw)
    for one in changed:
        assert one.raw.min() >= 0
        assert one.raw.max() == pytest.approx(1.0, abs=2e-3)


def test_music_ruined_anew_gets_a_floor_and_a_tail(files):
    finished = finished_example(read_example(files[0])).raw.astype(np.float32)
    quiet = finished.copy()
    quiet[len(quiet) // 2 :] = 0
    for seed in range(6):
        ruined = ruined_anew(quiet, np.random.default_rng(seed))
        assert ruined.shape == quiet.shape
        assert np.isfinite(ruined).all()
        assert np.array_equal(ruined, ruined_anew(quiet, np.random.default_rng(seed)))
        # Where nothing is played there is a noise, further below the music the later.
        assert ruined[-5:].mean() > quiet[-5:].mean() - 0.5
        assert ruined[-5:].mean() < ruined[: len(quiet) // 2].mean()


def test_kept_sounds_are_ruined_again_in_other_ways(files, tmp_path):
    kept = tmp_path / "one.npz"
    write_example(kept, read_example(files[0]))
    again = make_again([kept], 2, seed=3)
    assert [path.name for path in again] == ["one_again3_0.npz", "one_again3_1.npz"]
    first, second = (read_example(path) for path in again)
    assert first.raw.shape == read_example(kept).raw.shape
    assert not np.array_equal(first.raw, second.raw)
    before = again[0].stat().st_mtime_ns
    assert make_again([kept], 2, seed=3) == again
    assert again[0].stat().st_mtime_ns == before


def test_a_curve_over_both_sides_leaves_their_difference(files):
    example = read_example(files[0])
    moved = under_one_curve(example, np.linspace(-6, 6, BANDS).astype(np.float32))
    inner = np.s_[20:60, 20:60]
    before, after = (one.edit.astype(float)[inner] - one.raw.astype(float)[inner] for one in (example, moved))
    heard = (example.raw[inner] > 0.2) & (example.edit[inner] > 0.2)
    assert np.ptp((after - before)[heard]) < 0.01
    same = finished_example(example)
    assert np.array_equal(under_one_curve(same, np.ones(BANDS, np.float32)).raw, same.raw)


def test_a_pair_is_laid_frame_beside_frame():
    sound = band(8.0, ANALYSIS_RATE)[: 512 * 340].astype(np.float32)
    pointers = np.concatenate([np.arange(100, 200), np.full(20, -1), np.arange(20, 100)]).astype(np.int64)
    moved = np.concatenate([sound[512 * 100 + 37 :][: 512 * 100], np.zeros(512 * 20), sound[512 * 20 :][: 512 * 80]])
    ops = np.where(pointers < 0, FrameOp.OTHER, FrameOp.COPY).astype(np.int8)
    example = aligned_example(sound, moved.astype(np.float32), pointers, ops)
    known = example.known == 1
    difference = np.abs(example.raw.astype(float) - example.edit.astype(float)).max(axis=1)
    inner = known & np.roll(known, 4) & np.roll(known, -4)
    inner[:4] = inner[-4:] = False
    assert difference[inner].max() < 0.02
    assert set(example.labels[~known]) == {UNKNOWN_LABEL}
    assert set(example.labels[known]) == {0}


@pytest.mark.parametrize("lag", [-300, 0, 1, 211])
def test_the_lag_is_found(lag):
    sound = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    assert best_lag(sound[1_000:9_000], sound[1_000 - lag : 9_000 - lag], 512) == lag


@pytest.fixture
def artists(tmp_path):
    for name in ("band", "others"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "song.wav", band(6.5, ANALYSIS_RATE), ANALYSIS_RATE)
    return tmp_path


def mel_run(folder, **changes):
    config = training(SHAPES[1], epochs=2, batch_size=2)
    values = {"method": "mel2mel", "training": config, "tracks": (folder / "band",), "count": 2, "valid_count": 2,
              "valid_tracks": (folder / "others",), "cache": folder / "cache", "save": folder / "m",
              "log": folder / "logs"}  # fmt: skip
    return MelRun(**{**values, **changes})


def test_a_whole_run_writes_checkpoints_weights_and_card(artists):
    from editorbot.polish.mel_weights import read_mel_net

    lines = []
    result = run_mel(mel_run(artists), on_line=lines.append)
    assert {path.name for path in (artists / "m").iterdir()} == {"best.pt", "latest.pt", "mel2mel.json",
                                                                 "mel2mel.safetensors"}  # fmt: skip
    net = read_mel_net(result.path, "mel2mel")
    assert net.config == SHAPES[1]
    content = torch.load(artists / "m" / "latest.pt", weights_only=True)
    assert content["method"] == "mel2mel"
    again = []
    run_mel(mel_run(artists), on_line=again.append)
    assert not [line for line in again if line.startswith("epoch")]
    with pytest.raises(UsageError, match="other settings"):
        run_mel(mel_run(artists, resume=artists / "m" / "latest.pt", training=training(SHAPES[1], epochs=3)))


def test_one_artist_on_both_sides_and_test_artists_are_refused(artists):
    with pytest.raises(UsageError, match="validation side"):
        run_mel(mel_run(artists, valid_tracks=(artists / "band",)))
    (artists / "zaz-data").mkdir()
    write(artists / "zaz-data" / "song.wav", band(8.0, ANALYSIS_RATE), ANALYSIS_RATE)
    with pytest.raises(SplitError):
        run_mel(mel_run(artists, tracks=(artists / "zaz-data",)))
    with pytest.raises(UsageError, match="both sides need some"):
        run_mel(dataclasses.replace(mel_run(artists), tracks=(), valid_tracks=()))


def add_pair(folder, sample, artist, seed):
    """Write a pair with its alignment, its truth and what is kept of it."""
    ready_pair(folder, sample, seed)
    for half, end in (("input", "raw"), ("desired_output", "edit")):
        with open_recording(folder / half / f"{sample}_{end}.wav") as recording:
            place = folder / "cache" / "features" / f"{sample}_{end}.npz"
            write_mel(place, dataclasses.replace(read_mel(place), digest=recording.digest))
            info = folder / "pointer_sequences" / f"{sample}_info.json"
            info.write_text(info.read_text().replace(f"{end} {sample}", recording.digest))
    (folder / "truth").mkdir(exist_ok=True)
    truth = Truth(14.0, 8.0, (Segment(2.0, 6.0, "music", 0.0),), artist=artist)
    write_truth(folder / "truth" / f"{sample}.json", truth)


@pytest.fixture
def pairs(tmp_path):
    """Five pairs of two artists, of which one made four, and what is kept of them."""
    for seed, (sample, artist) in enumerate({"a": "us", "b": "us", "c": "us", "d": "them", "e": "us"}.items()):
        add_pair(tmp_path / "pairs", sample, artist, seed)
    return tmp_path


def test_examples_of_pairs_are_kept_until_a_recording_or_the_alignment_changes(tmp_path):
    def example():
        return examples_of_pairs(tmp_path, tmp_path / "cache", tmp_path / "mel")["a"]

    add_pair(tmp_path, "a", "us", 0)
    first = example()
    before = first.stat().st_mtime_ns
    assert example() == first
    assert first.stat().st_mtime_ns == before
    moved = tmp_path / "pointer_sequences" / "a_pointers.npy"
    np.save(moved, np.load(moved) - 20)
    second = example()
    assert not np.array_equal(read_example(second).raw, read_example(first).raw)
    add_pair(tmp_path, "a", "us", 7)
    third = example()
    assert len({first, second, third}) == 3
    assert not np.array_equal(read_example(third).edit, read_example(second).edit)


def pair_run(folder, **changes):
    return mel_run(
        folder, tracks=(), valid_tracks=(), data_dir=folder / "pairs", cache=folder / "pairs" / "cache", **changes
    )


def test_whole_artists_of_pairs_are_chosen_on_and_the_card_says_so(pairs):
    files = example_files(pair_run(pairs), print)
    assert sorted((len(files.train), len(files.valid))) == [1, 4]
    assert files.apart == "of other artists"
    assert not files.learned & files.chosen
    result = run_mel(pair_run(pairs))
    card = json.loads(result.path.with_suffix(".json").read_text())
    assert card["data"].endswith(f"chosen on {len(files.valid)} of other artists")
    (pairs / "pairs" / "truth" / "a.json").unlink()
    assert example_files(pair_run(pairs), print).apart == "whose artists are not all known"


def test_pairs_of_one_artist_are_chosen_on_too_and_that_is_said(pairs):
    for half in ("input/d_raw.wav", "desired_output/d_edit.wav"):
        (pairs / "pairs" / half).unlink()
    lines = []
    files = example_files(pair_run(pairs), lines.append)
    assert files.train == files.valid
    assert "all pairs are of one artist" in lines[-1]
    assert files.apart == "that are learned from too"


def test_pairs_beside_validation_tracks_of_the_same_artist_are_told(pairs):
    (pairs / "us").mkdir()
    write(pairs / "us" / "song.wav", band(6.5, ANALYSIS_RATE), ANALYSIS_RATE)
    lines = []
    files = example_files(dataclasses.replace(pair_run(pairs), valid_tracks=(pairs / "us",)), lines.append)
    assert (len(files.train), len(files.valid)) == (5, 2)
    assert files.apart == "some of them of the same artists"
    assert lines[-1] == "warning: some artists are both learned from and chosen on"


def test_a_run_on_examples_that_have_changed_begins_anew(artists):
    lines = []
    run_mel(mel_run(artists))
    for path in (artists / "cache" / "mel").glob("*.npz"):
        example = read_example(path)
        write_example(path, dataclasses.replace(example, edit=example.edit[::-1].copy()))
    run_mel(mel_run(artists), on_line=lines.append)
    assert sum(line.startswith("epoch") for line in lines) == 2
    lines.clear()
    run_mel(mel_run(artists, valid_count=1), on_line=lines.append)
    assert sum(line.startswith("epoch") for line in lines) == 2
    before = content_digest(sorted((artists / "cache" / "mel").glob("*.npz")))
    assert before == content_digest(sorted((artists / "cache" / "mel").glob("*.npz")))
    first = min((artists / "cache" / "mel").glob("*.npz"))
    first.write_bytes(first.read_bytes()[:-30])
    with pytest.raises(UnreadableError, match="damaged, or gone"):
        content_digest([first])
