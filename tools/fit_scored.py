"""Fits the scorecards of the `scored` editor on jams with known truth.

    python -m tools.fit_scored JAMS_FOLDER

JAMS_FOLDER is what `python -m simulators.first` wrote. Writes `editorbot/pretrained/scored_rules.json`.
Needs scikit-learn. Only jams of the tuning artists are fitted; see `simulators.first.TUNE_SETS`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from editorbot.editors.scoring.classify import SWITCH_COST
from editorbot.editors.scoring.decode import best_stretches
from editorbot.editors.scoring.loops import find_turns, turn_cues
from editorbot.editors.scoring.scorecard import FORMAT, VERSION, Row, Scorecard
from editorbot.editors.scoring.takes import find_retakes, retake_cues
from editorbot.weights import shipped_weights
from simulators.first import TUNE_SETS
from tools.scored_jams import BAD_TAKES, SONG_KINDS, Jam, load_jams

SONG_CUES = (
    "key_match", "heard_again", "heard_again_wide", "level", "level_around", "pause", "flux", "flux_around", "attack",
    "tone_change", "talk", "talk_around", "noise", "silence", "belongs", "belongs_around", "tone_distance",
    "tone_distance_around", "flatness", "low_share", "earlier_short", "later_short", "flux_spread", "swing",
    "rehearsal",
)  # fmt: skip
"""Cues of the first card, chosen by their weight on the tuning set."""

RETAKE_CUES = (
    "similarity",
    "above_rival",
    "log_seconds",
    "from_top",
    "head",
    "late_s",
    "log_gap_s",
    "skipped",
    "rehearsal",
)
"""Cues of the second card."""

TURN_CUES = (
    "similarity",
    "above_usual",
    "usual",
    "above_strong",
    "weakest",
    "loopiness",
    "turns",
    "log_seconds",
    "log_lag_s",
    "rehearsal",
)
"""Cues of the third card."""

ABOUT = (
    "song: is this the band's music? retake: is this a take that is played again after a stop? "
    "turn: is this one turn of a vamp too many?"
)
"""What the cards decide."""

PERCENTILES = (1, 10, 30, 50, 70, 90, 99)
"""Where knots are put."""


def hats(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return the weights of the knots for each value, linear in between."""
    at = np.clip(values, knots[0], knots[-1])
    left = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
    share = (at - knots[left]) / (knots[left + 1] - knots[left])
    weights = np.zeros((len(at), len(knots)), np.float32)
    weights[np.arange(len(at)), left] = 1 - share
    weights[np.arange(len(at)), left + 1] += share
    return weights


def knots_of(values: np.ndarray, percentiles: tuple[int, ...]) -> np.ndarray:
    """Return knots at percentiles, distinct after rounding."""
    knots = np.unique(np.round(np.percentile(values, percentiles), 2))
    return knots if len(knots) > 1 else np.array([0.0, 1.0])


def fit_card(
    names: tuple[str, ...],
    columns: dict[str, np.ndarray],
    wanted: np.ndarray,
    strength: float,
    weights: np.ndarray | None = None,
    percentiles: tuple[int, ...] = PERCENTILES,
) -> Scorecard:
    """Return the scorecard of a logistic regression on knots; smaller `strength` gives smaller points."""
    from sklearn.linear_model import LogisticRegression

    knots = {name: knots_of(columns[name], percentiles) for name in names}
    design = np.concatenate([hats(columns[name], knots[name]) for name in names], axis=1)
    model = LogisticRegression(C=strength, max_iter=500).fit(design, wanted, sample_weight=weights)
    base, rows, at = float(model.intercept_[0]), [], 0
    for name in names:
        points = model.coef_[0][at : at + len(knots[name])]
        at += len(knots[name])
        base += float(points.mean())
        centered = tuple(round(float(p), 2) for p in points - points.mean())
        rows.append(Row(name, tuple(float(k) for k in knots[name]), centered))
    return Scorecard(round(base, 2), tuple(rows))


def fit_song(jams: list[Jam]) -> Scorecard:
    """Return the card that tells the band's music from everything else."""
    columns = {name: np.concatenate([jam.cues[name][::3] for jam in jams]) for name in SONG_CUES}
    wanted = np.concatenate([np.isin(jam.kinds, SONG_KINDS)[::3] for jam in jams])
    return fit_card(SONG_CUES, columns, wanted, 0.02)


def fit_retakes(jams: list[Jam], song: Scorecard) -> Scorecard:
    """Return the card that tells takes that are played again from music that only resembles itself."""
    tables, wanted = [], []
    for jam in jams:
        retakes = find_retakes(jam.vectors, best_stretches(song.log_odds(jam.cues), SWITCH_COST))
        tables.append(retake_cues(retakes, jam.cues["rehearsal"]))
        for one in retakes:
            bad = np.isin(jam.kinds[one.start : one.end], BAD_TAKES).mean() > 0.6
            last = len(jam.sources_s) - 1
            apart_s = jam.sources_s[min(one.start + 4, one.end - 1)] - jam.sources_s[min(one.again_at + 4, last)]
            wanted.append(bool(bad and abs(apart_s) < 1.0))
    return fit_card(RETAKE_CUES, joined(tables), np.array(wanted), 0.3)


def fit_turns(jams: list[Jam], song: Scorecard) -> Scorecard:
    """Return the card that tells a vamp played too often from music made of loops; long candidates count more."""
    tables, wanted, weights = [], [], []
    for jam in jams:
        turns = find_turns(jam.vectors, best_stretches(song.log_odds(jam.cues), SWITCH_COST))
        tables.append(turn_cues(turns, jam.cues["rehearsal"]))
        wanted += [bool((jam.kinds[one.start : one.end] == "repeat").mean() > 0.5) for one in turns]
        weights += [one.steps for one in turns]
    return fit_card(TURN_CUES, joined(tables), np.array(wanted), 0.3, np.array(weights) / np.mean(weights))


def joined(tables: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the tables one below the other."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def cards_as_json(cards: dict[str, Scorecard], *, about: str, made_by: str) -> str:
    """Write cards as the JSON that `scorecard.read_cards` reads, a row a line."""
    texts = []
    for name, card in cards.items():
        rows = ",\n".join("        " + json.dumps(asdict(row)) for row in card.rows)
        texts.append(f'    "{name}": {{\n      "base": {card.base},\n      "rows": [\n{rows}\n      ]\n    }}')
    head = {"format": FORMAT, "version": VERSION, "about": about, "made_by": made_by}
    fields = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    return "{\n" + fields + '  "cards": {\n' + ",\n".join(texts) + "\n  }\n}\n"


def main() -> None:
    """Fit and write the cards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jams", type=Path, nargs="+")
    options = parser.parse_args()
    jams = [jam for folder in options.jams for jam in load_jams(folder) if jam.name.startswith(TUNE_SETS)]
    song = fit_song(jams)
    retakes, turns = fit_retakes(jams, song), fit_turns(jams, song)
    text = cards_as_json({"song": song, "retake": retakes, "turn": turns}, about=ABOUT, made_by="tools/fit_scored.py")
    place = shipped_weights("scored_rules").with_suffix(".json")
    place.write_text(text, encoding="utf-8")
    print(f"{len(jams)} jams, {len(song.rows)} + {len(retakes.rows)} + {len(turns.rows)} rows -> {place}")


if __name__ == "__main__":
    main()
