"""``docs/actions.md``, made from the tables: python -m tools.actions_page > docs/actions.md."""

from __future__ import annotations

from collections.abc import Sequence

from editorbot.environment.actions import VOCABULARIES, Amount, Operation, Size, Treatment, TypeRow, Vocabulary
from editorbot.environment.dynamics import STEPS_PER_BEAT
from editorbot.environment.settings import MAX_LOOPS
from editorbot.environment.spans import LONGEST_PHRASE, LONGEST_SPAN

_DONE = {
    Operation.PLAY: ("the span", "+ span"),
    Operation.CUT: ("nothing", "+ span"),
    Operation.LOOP: ("the span, as many times as the amount says", "+ span"),
    Operation.DEFER: ("nothing now; the span is played at the end", "+ span"),
    Operation.BACK: ("nothing; the music plays again from there", "- amount"),
    Operation.SKIP: ("nothing", "+ amount"),
    Operation.REPEAT: ("the last output span again", "stays"),
    Operation.SWAP: ("the next span, then this one", "+ both"),
    Operation.BRIDGE: ("nothing; the gap is crossfaded", "+ span"),
}
_TREATED = {
    Treatment.FADE_IN: "faded in",
    Treatment.FADE_OUT: "faded out",
    Treatment.GAIN: "louder or softer",
    Treatment.SPEED: "faster or slower, at its pitch",
    Treatment.REVERSE: "backwards",
    Treatment.PITCH: "higher or lower, at its speed",
    Treatment.EQ_LOW: "its lows raised or lowered",
    Treatment.EQ_HIGH: "its highs raised or lowered",
    Treatment.DISTORTION: "distorted",
    Treatment.REVERB: "in a room",
}
_SIZES = {
    Size.BEAT: "one beat",
    Size.BAR: "a bar, or 4 beats if no bars are known",
    Size.PHRASE: f"to the next phrase boundary, at most {LONGEST_PHRASE} beats",
    Size.TWO_BARS: "two bars from the cursor",
    Size.TWO_PHRASES: f"to the phrase boundary after the next, at most {LONGEST_SPAN} beats",
}
_INTRODUCTIONS = {
    "v3": "The default: 20 x 5 x 5 = 500 combinations from 30 outputs.",
    "v2": "18 x 5 x 5 = 450 combinations; DOUBLE_TIME and HALF_TIME in place of the four types of speed and pitch.",
    "v1": "The first five actions, embedded as 5 x 5 x 5: the size is the span, the amount the number of plays or the "
    "length of the crossfade.",
}


def actions_page() -> str:
    """Return the page as Markdown."""
    tables = [f"## {name}\n\n{text}\n\n{_table(VOCABULARIES[name])}" for name, text in _INTRODUCTIONS.items()]
    sizes = _markdown(("index", "size", "beats"), [(size.value, size.name, text) for size, text in _SIZES.items()])
    return f"""# Actions

Made from the code by `python -m tools.actions_page > docs/actions.md`; a test compares the two.

An edit is a sequence of actions (type, size, amount), while a cursor moves over the beats of the recording.
`--vocabulary` chooses the types; the five sizes and the five amounts are always the same. Indices are fixed: they are
outputs of networks and columns of data sets. The *span* is as many beats from the cursor as the size says; it ends at
the last beat at the latest. Amounts in bold are open. Of amounts that mean the same only the first is open, and none
that would mean KEEP. For JUMP_BACK and SKIP the amount is the distance, and the size counts only where the table says
"size".

{chr(10).join(tables)}
## Sizes

{sizes}
## Masks

There are three masks: for types, for sizes given the type, and for amounts given the type. These actions are closed:
moves beyond the ends, REPEAT_PREV before any output, SWAP_NEXT without a next span of the same length, sizes that
mean the same beats as an earlier size, LOOP and REPEAT_PREV after {MAX_LOOPS} of them (`max_loops`), and leaving out
the last beats if there is no output yet. KEEP of one beat is always open.

An episode ends when the cursor passes the last beat, and is truncated after {STEPS_PER_BEAT} steps a beat.
"""


def _table(vocabulary: Vocabulary) -> str:
    rows = [(index, row.name, *_told(row)) for index, row in enumerate(vocabulary.rows)]
    heads = ("index", "type", "output", "cursor", *(amount.name for amount in Amount))
    return _markdown(heads, rows)


def _told(row: TypeRow) -> tuple[str, ...]:
    heard, cursor = _DONE[row.operation]
    if row.changes_sound:
        heard = f"the span, {_TREATED[row.treatment]}"
    if not row.uses_amount:
        return heard, cursor, "**ignored**", "", "", "", ""
    amounts = (_value(row, value) for value in row.values)
    return heard, cursor, *(f"**{cell}**" if is_open else cell for cell, is_open in zip(amounts, row.distinct_amounts))


def _value(row: TypeRow, value: float) -> str:
    if row.moves and not value:
        return "size"
    if row.unit == "x":
        return f"x {value:g}"
    sign = "+" if row.unit in ("dB", "semitones") and value > 0 else ""
    unit = row.unit.rstrip("s") if row.unit == "semitones" and abs(value) == 1 else row.unit
    return f"{sign}{value:g}" if unit == "strength" else f"{sign}{value:g} {'times' if unit == 'plays' else unit}"


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


if __name__ == "__main__":
    print(actions_page(), end="")
