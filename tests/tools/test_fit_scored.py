"""Scorecards as the fits write them."""

from editorbot.editors.scoring.scorecard import Row, Scorecard, read_cards
from tools.fit_scored import cards_as_json


def test_what_the_fits_write_is_what_is_read(tmp_path, monkeypatch):
    card = Scorecard(-0.5, (Row("loud", (0.0, 2.5), (1.0, -3.0)),))
    (tmp_path / "mine.json").write_text(cards_as_json({"mine": card}, about="a test", made_by="test"))
    monkeypatch.setattr(
        "editorbot.editors.scoring.scorecard.shipped_weights", lambda name: tmp_path / f"{name}.safetensors"
    )
    read_cards.cache_clear()
    assert read_cards("mine") == {"mine": card}
    read_cards.cache_clear()
