"""What the fits of the small models write is what ships, and what is read."""

import json

import numpy as np
import pytest

from editorbot.analysis import beat_linear
from editorbot.editors.scoring.scorecard import Row, Scorecard, read_cards
from editorbot.weights import shipped_weights
from tools import fit_overlap_trim, fit_scored
from tools.fit_beats import write_models
from tools.fit_scored import cards_as_json, fit_card


def test_what_the_fits_write_is_what_is_read(tmp_path, monkeypatch):
    card = Scorecard(-0.5, (Row("loud", (0.0, 2.5), (1.0, -3.0)),))
    (tmp_path / "mine.json").write_text(cards_as_json({"mine": card}, about="a test", made_by="test"))
    monkeypatch.setattr(
        "editorbot.editors.scoring.scorecard.shipped_weights", lambda name: tmp_path / f"{name}.safetensors"
    )
    read_cards.cache_clear()
    assert read_cards("mine") == {"mine": card}
    read_cards.cache_clear()


@pytest.mark.parametrize(("name", "fit"), [("scored_rules", fit_scored), ("overlap_trim", fit_overlap_trim)])
def test_shipped_cards_are_as_their_fit_writes_them(name, fit):
    shipped = shipped_weights(name).with_suffix(".json").read_text()
    made_by = f"tools/{fit.__name__.rpartition('.')[2]}.py"
    assert cards_as_json(dict(read_cards(name)), about=fit.ABOUT, made_by=made_by) == shipped


def test_shipped_beat_models_are_as_their_fit_writes_them(tmp_path):
    shipped = beat_linear.SHIPPED.read_text()
    stored = json.loads(shipped)
    beats = np.concatenate([stored[key] for key in ("profile", "tempo", "tempo_prior")])
    write_models(tmp_path / "beats.json", beats, np.array(stored["downbeat"]), stored["downbeat_bias"])
    assert (tmp_path / "beats.json").read_text() == shipped


def test_a_card_finds_the_cue_that_decides():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    cues = {name: rng.uniform(0, 1, 2000).astype(np.float32) for name in ("decides", "noise")}
    card = fit_card(("decides", "noise"), cues, cues["decides"] > 0.5, 1.0)
    decides, noise = (np.ptp(row.points) for row in card.rows)
    assert decides > 5 * noise
    low, high = card.log_odds({"decides": np.float32([0.1, 0.9]), "noise": np.float32([0.5, 0.5])})
    assert low < -1 < 1 < high
