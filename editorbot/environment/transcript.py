"""Finds actions that play given spans in order.

A cursor walks over the beats. Beats ahead of it that are not wanted now are CUT; JUMP_BACK leads to those behind it; a
span longer than any size takes several actions. The simplest actions are tried first: see
:mod:`editorbot.environment.episodes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from editorbot.environment.actions import Action, Operation, Treatment, TypeRow, Vocabulary


@dataclass(frozen=True)
class Span:
    """Beats that are played, with one treatment."""

    first: int
    """First beat."""
    end: int
    """End beat."""
    treatment: Treatment = Treatment.NONE
    """What is done to the sound."""
    value: float = 0.0
    """How much, in the treatment's unit."""
    has_more: bool = False
    """Whether it has more treatments than this one."""

    @property
    def is_plain(self) -> bool:
        """Whether it is a copy."""
        return self.treatment == Treatment.NONE


@dataclass(frozen=True)
class Transcript:
    """An edit as actions."""

    actions: tuple[Action, ...]
    """The steps, from the first beat on."""
    missed: tuple[str, ...] = ()
    """What the vocabulary cannot express, a line each."""


def transcribe(spans: Sequence[Span], lengths: Sequence[Sequence[int]], vocabulary: Vocabulary) -> Transcript:
    """Find actions that play spans in order.

    Parameters
    ----------
    spans : sequence of Span
        What is played.
    lengths : sequence, shape=(beats, 5)
        What each size spans at each beat [beats].
    vocabulary : Vocabulary
        The types.
    """
    merged = _merged(spans)
    tail = _deferred(merged) if "REORDER" in vocabulary else []
    walk = _Walk(merged, tail, lengths, vocabulary)
    transcript = walk.transcript()
    # Deferred spans come in the order in which they were passed: either all of them on the way, or none.
    return _Walk(merged, [], lengths, vocabulary).transcript() if walk.passed_later and tail else transcript


def tiles(first: int, end: int, lengths: Sequence[Sequence[int]]) -> list[int]:
    """Fill [first, end) with spans of sizes, the longest that fits first; of equal ones the first."""
    sizes = []
    while first < end:
        fitting = [(length, -size) for size, length in enumerate(lengths[first]) if length <= end - first]
        length, size = max(fitting)
        sizes.append(-size)
        first += length
    return sizes


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Merge plain spans that continue one another."""
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if last is not None and last.is_plain and span.is_plain and last.end == span.first:
            merged[-1] = Span(last.first, span.end, has_more=last.has_more or span.has_more)
        else:
            merged.append(span)
    return merged


class _Walk:
    """The cursor's way through the spans."""

    def __init__(
        self, spans: list[Span], tail: list[Span], lengths: Sequence[Sequence[int]], vocabulary: Vocabulary
    ) -> None:
        self._lengths = lengths
        self._vocabulary = vocabulary
        self._tail = list(tail)
        self.passed_later = False
        self._left = spans[: len(spans) - len(tail)]
        self._actions: list[Action] = []
        self._missed: list[str] = []
        self._cursor = 0
        self._plain: tuple[int, int] | None = None  # first beat of the copy that ends at the cursor, steps before it
        self._last: Span | None = None  # what the last step played

    def transcript(self) -> Transcript:
        """Walk over all spans, once."""
        while self._left:
            self._take(self._left.pop(0))
        self._leave_out(len(self._lengths))
        return Transcript(tuple(self._actions), tuple(dict.fromkeys(self._missed)))

    def _take(self, span: Span) -> None:
        if span.has_more:
            self._missed.append("of several treatments of one clip only the first")
        ends = span.end == len(self._lengths)
        if self._is_swap(span) and not (ends and len(self._left) > 1):
            self._swap(span)
        elif span.first < self._cursor and (self._loop(span) or self._repeat(span)):
            return
        else:
            self._go_on(span)

    def _go_on(self, span: Span) -> None:
        """Play a span, wherever it is."""
        if span.end == len(self._lengths) and self._left and "REORDER" in self._vocabulary:
            self._end_with(span)
        elif self._move_to(span.first):
            self._play(span)

    def _move_to(self, first: int) -> bool:
        """Move the cursor to a beat; tell whether the vocabulary can."""
        if first > self._cursor:
            self._leave_out(first)
        elif first < self._cursor and not self._go_back(first):
            self._missed.append(f"going back to beat {first} from {self._cursor}")
            return False
        return True

    def _end_with(self, span: Span) -> None:
        """Play a span that ends the episode; everything that is played after it is deferred on the way."""
        again = self._left[0]
        times = 1
        if span.is_plain and again.is_plain and span.first <= again.first and self._is_loop(again):
            while times < max(self._row("LOOP").values) and self._left[:1] == [again]:
                self._left.pop(0)
                times += 1
        for later in self._left:
            self.passed_later = True
            if not later.is_plain:
                self._missed.append(f"{later.treatment.name} from beat {later.first} after the last beat was played")
            elif self._move_to(later.first):
                self._fill(self._row("REORDER"), later.first, later.end)
        self._left.clear()
        if not self._move_to(span.first):
            return
        if times == 1:
            self._play(span)
            return
        if span.first < again.first:
            self._play(Span(span.first, again.first))
        self._loop_times(again.first, again.end, times)

    def _is_loop(self, again: Span) -> bool:
        """Tell whether a span up to the last beat can be looped."""
        is_last = again.end == len(self._lengths)
        return (
            is_last and "LOOP" in self._vocabulary and self._size_of(again.first, again.end - again.first) is not None
        )

    def _loop_times(self, first: int, end: int, times: int) -> None:
        """Play beats so many times."""
        amount = int(self._vocabulary.nearest_amount("LOOP", float(times)))
        size = self._size_of(first, end - first)
        self._actions.append(Action(self._vocabulary.index("LOOP"), size or 0, amount))
        self._cursor, self._plain, self._last = end, None, Span(first, end)

    def _play(self, span: Span) -> None:
        row, amount = self._type_of(span)
        self._plain = (span.first, len(self._actions)) if span.is_plain else None
        self._fill(row, span.first, span.end, amount)
        length = self._lengths[span.first][self._actions[-1].size]
        whole = len(tiles(span.first, span.end, self._lengths)) == 1
        self._last = replace(span, first=span.end - length) if whole else None

    def _type_of(self, span: Span) -> tuple[TypeRow, int]:
        """Find the type that plays a span, and its amount; KEEP where the vocabulary has none."""
        rows = [
            row for row in self._vocabulary.rows if row.operation == Operation.PLAY and row.treatment == span.treatment
        ]
        nearest = [
            (abs(value - span.value), at, k) for at, row in enumerate(rows) for k, value in enumerate(row.values)
        ]
        if not nearest:
            self._missed.append(f"the treatment {span.treatment.name}")
            return self._vocabulary.rows[self._vocabulary.index("KEEP")], 0
        difference, at, amount = min(nearest)
        if difference > 1e-9 and not span.is_plain:
            self._missed.append(f"{span.treatment.name} of {span.value:g}")
        row = rows[at]
        return row, amount if row.uses_amount else 0

    def _fill(self, row: TypeRow, first: int, end: int, amount: int = 0) -> None:
        """Apply one type to [first, end), in as many steps as it takes."""
        sizes = tiles(first, end, self._lengths)
        if len(sizes) > 1 and row.treatment in (Treatment.REVERSE, Treatment.FADE_IN, Treatment.FADE_OUT):
            self._missed.append(f"{row.name} of {end - first} beats in one piece")
        self._actions += [Action(self._vocabulary.index(row.name), size, amount) for size in sizes]
        self._cursor = end

    def _row(self, name: str) -> TypeRow:
        return self._vocabulary.rows[self._vocabulary.index(name)]

    def _leave_out(self, until: int) -> None:
        """Leave out everything before a beat: deferred, or cut."""
        while self._cursor < until:
            held = next((span for span in self._tail if span.first <= self._cursor < span.end), None)
            starts = [span.first for span in self._tail if span.first > self._cursor]
            stop = min([until, held.end if held else until, *starts])
            self._fill(self._row("REORDER" if held else "CUT"), self._cursor, stop)
            self._plain = self._last = None
            if held and stop == held.end:
                self._tail.remove(held)  # passed again, it is cut

    def _size_of(self, first: int, length: int) -> int | None:
        """Find the first size of a length at a beat."""
        sizes = list(self._lengths[first])
        return sizes.index(length) if length in sizes else None

    def _is_swap(self, span: Span) -> bool:
        """Tell whether the next span is played first, then the one at the cursor."""
        length = span.first - self._cursor
        if length <= 0 or not self._left or "SWAP_NEXT" not in self._vocabulary:
            return False
        fits = span.is_plain and span.end - span.first == length and self._left[0] == Span(self._cursor, span.first)
        return fits and self._size_of(self._cursor, length) is not None

    def _swap(self, span: Span) -> None:
        """Play the next span, then this one."""
        size = list(self._lengths[self._cursor]).index(span.first - self._cursor)
        self._left.pop(0)
        self._actions.append(Action(self._vocabulary.index("SWAP_NEXT"), size, 0))
        self._cursor = span.end
        self._plain = self._last = None

    def _loop(self, span: Span) -> bool:
        """Express a copy that goes back over what was just played as a loop, if it is one."""
        if self._plain is None or not span.is_plain or "LOOP" not in self._vocabulary:
            return False
        end, (since, steps) = self._cursor, self._plain
        if span.first < since or span.end < end:
            return False
        if self._size_of(span.first, end - span.first) is None:
            return False
        times = 2
        row = self._row("LOOP")
        while times < max(row.values) and span.end == end and self._left and self._left[0].first == span.first:
            if not self._left[0].is_plain or self._left[0].end < end:
                break
            span = self._left.pop(0)
            times += 1
        del self._actions[steps:]
        if since < span.first:
            self._fill(self._row("KEEP"), since, span.first)
        self._loop_times(span.first, end, times)
        if span.end > end:
            self._go_on(Span(end, span.end))
        return True

    def _repeat(self, span: Span) -> bool:
        """Express a span that is played again at once as REPEAT_PREV, if it is one."""
        if span != self._last or span.end != self._cursor or "REPEAT_PREV" not in self._vocabulary:
            return False
        self._actions.append(Action(self._vocabulary.index("REPEAT_PREV"), 0, 0))
        return True

    def _go_back(self, first: int) -> bool:
        """Move the cursor back, in as few moves as it takes; tell whether the vocabulary can."""
        if "JUMP_BACK" not in self._vocabulary:
            return False
        values = self._row("JUMP_BACK").values
        while self._cursor > first:
            left = self._cursor - first
            if self._cursor >= len(self._lengths):
                return False  # the episode is over there
            fitting = [(int(value) or 1, -amount) for amount, value in enumerate(values) if (int(value) or 1) <= left]
            distance, amount = max(fitting)
            self._actions.append(Action(self._vocabulary.index("JUMP_BACK"), 0, -amount))
            self._cursor -= distance
        self._plain = self._last = None
        return True


def _deferred(spans: list[Span]) -> list[Span]:
    """Find the spans at the end that were deferred until then: in order, each played nowhere else."""
    tail: list[Span] = []
    for number in range(len(spans) - 1, 0, -1):
        span, before = spans[number], spans[:number]
        is_fresh = all(span.end <= other.first or span.first >= other.end for other in before)
        rises = not tail or span.end <= tail[0].first
        if not span.is_plain or not is_fresh or not rises:
            break
        tail.insert(0, span)
    while tail and tail[0].first >= max(other.end for other in spans[: len(spans) - len(tail)]):
        tail.pop(0)
    return tail
