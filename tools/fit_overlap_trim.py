"""Fits the scorecard that says when to leave a play so that the next one goes on where it stopped.

    python -m tools.fit_overlap_trim JAMS_FOLDER [...] [--cache-dir cache]

The folders are what `editorbot pairs simulate` made, of jams that the learned score was not trained on; every fifth
jam is held back, and what the card finds there is printed. Writes `editorbot/pretrained/overlap_trim.json`. Needs
scikit-learn.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache
from editorbot.corpus.truth import Truth, read_truth
from editorbot.editors.scored import ScoredEditor
from editorbot.editors.scoring.edges import placed_spans_s
from editorbot.editors.scoring.overlap_trim import SHORTEST_STEPS, likeliest
from editorbot.editors.scoring.overlap_trim_places import Places, ScoredSteps, places_of
from editorbot.editors.scoring.repetition import step_vectors
from editorbot.editors.scoring.scorecard import Scorecard
from editorbot.recording import open_recording
from editorbot.timebase import STEP_S
from editorbot.weights import shipped_weights
from tools.fit_scored import cards_as_json, fit_card, joined

NEAR_S = 0.2
"""A place is right where the finished music goes on within this of where it was left [seconds]."""

CUES = (
    "after_short", "after", "before_short", "before", "before_long", "overlap", "overlap_weight", "earlier_by",
    "given_up", "taken_on", "behind", "above_others", "rank", "gap", "stopped", "share", "as_it_is", "following",
    "alike", "alike_earlier", "alike_later", "above_earlier", "above_later",
)  # fmt: skip
"""Cues of the card."""

STRENGTH = 0.3
"""How freely the points may differ from zero."""

PERCENTILES = (1, 20, 50, 80, 99)
"""Where knots are put: few, for there are some two thousand joins."""

ABOUT = "overlap_trim: does the finished music go on where a play is left here?"
"""What the card decides."""


@dataclass(frozen=True)
class Join:
    """Two plays that follow one another in an edit by `scored`."""

    jam: int
    """Number of the jam."""
    places: Places
    """Where the first could be left."""
    is_right: np.ndarray
    """Which of these places are right."""


def joins_of(folder: Path, cache: AnalysisCache) -> list[Join]:
    """Return the joins of every jam of a folder."""
    editor, found = ScoredEditor(), []
    for number, path in enumerate(sorted((folder / "truth").glob("*.json"))):
        sound = next(iter(sorted((folder / "input").glob(f"{path.stem}_raw.*"))))
        with open_recording(sound) as recording:
            analysis = analyze(recording, cache=cache)
        truth, step_labels = read_truth(path), editor.classify_steps(analysis)
        steps = ScoredSteps.of_chances(step_vectors(analysis.steps), step_labels.score, step_labels.is_song)
        spans_s = placed_spans_s(analysis, step_labels)
        for (start_s, end_s), (next_s, next_end_s) in zip(spans_s, spans_s[1:]):
            if min(end_s - start_s, next_end_s - next_s) < SHORTEST_STEPS * STEP_S:
                continue
            places = places_of(start_s, end_s, next_s, steps)
            right = [goes_on(truth, at * STEP_S, next_s) for at in places.at]
            found.append(Join(number, places, np.array(right)))
    return found


def goes_on(truth: Truth, leave_s: float, arrive_s: float) -> bool:
    """Tell whether the finished music goes on across a join."""
    edge_s = 0.05
    before_s, after_s = source_at(truth, leave_s - edge_s), source_at(truth, arrive_s + edge_s)
    return before_s is not None and after_s is not None and abs(after_s - before_s - 2 * edge_s) < NEAR_S


def source_at(truth: Truth, time_s: float) -> float | None:
    """Return where in the finished track a moment of good music belongs, None for all else."""
    for segment in truth.segments:
        if segment.worth != "good" or segment.source_s is None:
            continue
        if segment.start_s <= time_s < segment.end_s:
            return segment.source_s + (time_s - segment.start_s) * segment.speed
    return None


def fit(joins: list[Join]) -> Scorecard:
    """Return the card."""
    cues, is_right = joined([one.places.cues for one in joins]), np.concatenate([one.is_right for one in joins])
    return fit_card(CUES, cues, is_right, STRENGTH, percentiles=PERCENTILES)


def say(joins: list[Join], card: Scorecard) -> None:
    """Print how many joins go on as they are, and as the card has it."""
    before = after = possible = 0
    for join in joins:
        as_it_is = int(np.flatnonzero(join.places.at == join.places.end)[0])
        best = likeliest(join.places, card)
        before += bool(join.is_right[as_it_is])
        after += bool(join.is_right[as_it_is if best is None else best])
        possible += bool(join.is_right.any())
    print(f"{len(joins)} joins held back: {before} go on as they are, {after} by a card of the others, {possible} can")


def main() -> None:
    """Fit and write the card."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("jams", type=Path, nargs="+")
    parser.add_argument("--cache-dir", type=Path, default=Path("cache"))
    args = parser.parse_args()
    joins = [join for folder in args.jams for join in joins_of(folder, AnalysisCache(args.cache_dir))]
    say([join for join in joins if join.jam % 5 == 4], fit([join for join in joins if join.jam % 5 != 4]))
    card = fit(joins)
    text = cards_as_json({"overlap_trim": card}, about=ABOUT, made_by="tools/fit_overlap_trim.py")
    place = shipped_weights("overlap_trim").with_suffix(".json")
    place.write_text(text, encoding="utf-8")
    print(f"{len(joins)} joins, {len(card.rows)} rows -> {place}")


if __name__ == "__main__":
    main()
