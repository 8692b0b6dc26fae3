"""Scores an edit list against the truth about its jam: how much of the music it holds, and what else.

editorbot edit examples/jam.ogg --output demo/jam.wav
python examples/score_an_edit.py demo/jam.json examples/jam.truth.json
"""

from __future__ import annotations

import argparse

from editorbot.corpus.truth import read_truth
from editorbot.editlist.json_format import read_edit_list
from editorbot.evaluation.metrics import score_edit


def main() -> None:
    """Score one edit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("edit_list")
    parser.add_argument("truth")
    options = parser.parse_args()
    score = score_edit(read_edit_list(options.edit_list), read_truth(options.truth))
    print(f"recall {score.recall:.3f}  purity {score.purity:.3f}  F1 {score.f1:.3f}")
    print(f"junk {score.junk_s_per_min:.1f}, sloppy {score.sloppy_s_per_min:.1f}, ", end="")
    print(f"repeats {score.repeat_s_per_min:.1f} seconds a minute")
    error = "not known" if score.beat_error_ms is None else f"{score.beat_error_ms:.0f} ms"
    print(f"{score.joins_per_min:.1f} joins a minute (ideal {score.ideal_joins_per_min:.1f}), off the beat by {error}")


if __name__ == "__main__":
    main()
