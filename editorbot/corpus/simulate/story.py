"""Draws what happens in a jam.

The finished track is played from its start to its end, and on the way things
happen: events at places, mostly at bars, each a detour of its own. How often
which of them happens, how long, how loud and how clean is drawn anew for every
jam, and then again for every event, so that no two jams have the same habits.

What is kept of two good takes follows the custom of bands: played again after a stop, the later is the take; played
again without a stop, the first is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from editorbot.corpus.simulate.finishes import draw_recorded
from editorbot.corpus.simulate.flaws import FLAWS
from editorbot.corpus.simulate.music_once import music_once
from editorbot.corpus.simulate.plan import FAULTS, Flaw, Junk, Part, Plan, Take
from editorbot.corpus.simulate.settings import Simulation
from editorbot.corpus.simulate.styles import Styles
from editorbot.corpus.simulate.track import Track

BREAK_FAULTS = ("talk", "tuning", "noodling", "dead-air", "hum", "noise", "applause", "scrap")
"""Faults that fill a break."""

_ENDS_OF_BREAKS = ("ring-out", "count-in", "sticks")
_BAD_TAKES = frozenset(("sloppy", "false-start", "breakdown"))

EVENTS = ("break", "two-songs", "false-start", "breakdown", "restart", "sloppy", "vamp", "chorus", "wander")
"""Detours."""

JUNK_KINDS = {
    "talk": "talk", "count-in": "count_in", "sticks": "count_in", "tuning": "tuning", "noodling": "noodling",
    "dead-air": "silence", "hum": "noise", "noise": "noise", "applause": "applause", "ring-out": "ring_out",
    "scrap": "other_song", "two-songs": "other_song", "wander": "noodling",
}  # fmt: skip
"""What faults are in the truth."""


def draw_plan(track: Track, rng: np.random.Generator, settings: Simulation, *, others: int = 0) -> Plan:
    """Draw what happens in a jam of a track.

    Parameters
    ----------
    track : Track
        The finished track; only its length, beats and bars count.
    rng : np.random.Generator
        Draws everything.
    settings : Simulation
        What may happen.
    others : int
        How many other tracks there are to take scraps from.
    """
    story = _Story(track, rng, settings, others)
    story.tell()
    recorded = draw_recorded(rng, settings.finishes)
    return Plan(music_once(story.parts), recorded, tuple(f for f in FAULTS if f in story.happened))


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


class _Story:
    """Tells a jam from start to end."""

    def __init__(self, track: Track, rng: np.random.Generator, settings: Simulation, others: int) -> None:
        self.track, self.rng, self.settings, self.others = track, rng, settings, others
        self.parts: list[Part] = []
        self.happened: set[str] = set()
        self.end_s = track.duration_s
        self.bar_s = max(1.0, float(np.median(np.diff(track.bars_s))) if len(track.bars_s) > 1 else 2.0)
        self.weights = {name: float(rng.lognormal(0, 1.0)) for name in (*FAULTS, *EVENTS)}
        self.company = float(rng.uniform(0, 0.5)) if self.allowed("talk") and self.allowed("noodling") else 0.0
        self.junk_db = (float(rng.uniform(-16, 0)), float(rng.uniform(2, 8)))
        self.styles = Styles(rng, self.end_s, drifts=self.allowed("drift"), must_drift=settings.faults == ("drift",))
        if self.styles.base.drift:
            self.happened.add("drift")
        # The take that is being played: its marks, flaws and style, and how far the track is told for good.
        self.marks: list[tuple[float, str]] = [(0.0, "music")]
        self.flaws: list[Flaw] = []
        self.style = self.styles.other()
        self.at_s = 0.0
        self.overlap_s = 0.0

    # What can happen -------------------------------------------------------------------------------------------

    def allowed(self, name: str) -> bool:
        if name == "break":
            return any(self.allowed(fault) for fault in (*BREAK_FAULTS, *_ENDS_OF_BREAKS))
        if name in ("scrap", "two-songs") and self.others == 0:
            return False
        if name == "sloppy" and not _BAD_TAKES.intersection(self.settings.faults):
            return bool({"wrong-notes", "late"}.intersection(self.settings.faults))
        return name in self.settings.faults

    def draw_events(self) -> list[tuple[float, str, float]]:
        """Return (place [s], event, length [s]), by place, that fill the jam as far as wanted."""
        low, high = self.settings.purity
        budget_s = self.end_s * (1 / self.rng.uniform(low, high) - 1)
        names = [name for name in EVENTS if self.allowed(name)]
        events: list[tuple[float, str, float]] = []
        if self.allowed("break"):
            budget_s -= self._plan_ends(events, budget_s)
        while names and budget_s > 3.0:
            odds = np.array([self.weights[name] * _USUAL[name] for name in names])
            name = str(self.rng.choice(names, p=odds / odds.sum()))
            place_s = 0.0 if name == "false-start" and self.rng.random() < 0.75 else self.rng.uniform(0, self.end_s)
            length_s = min(self._length_of(name), budget_s + 4.0)
            events.append((float(place_s), name, float(length_s)))
            budget_s -= length_s
        return sorted(events)

    def _plan_ends(self, events: list[tuple[float, str, float]], budget_s: float) -> float:
        """Plan what is heard before and after the song; return how long it is."""
        spent_s = 0.0
        for place_s, share in ((-1.0, 0.8), (self.end_s, 0.75)):
            if self.rng.random() < share:
                length_s = min(float(self.rng.lognormal(2.3, 0.8)), budget_s / 3, 60.0)
                events.append((place_s, "break", length_s))
                spent_s += length_s
        return spent_s

    def _length_of(self, name: str) -> float:
        middle, spread, most = _LENGTHS[name]
        return float(np.clip(self.rng.lognormal(np.log(middle), spread), 2.0, min(most, self.end_s)))

    # Telling ---------------------------------------------------------------------------------------------------

    def tell(self) -> None:
        """Tell the whole jam."""
        for place_s, name, length_s in self.draw_events():
            if place_s < 0:
                self.rest(length_s, starts=True)
            elif place_s >= self.end_s:
                self.play_to(self.end_s)
                self.close(self.rng.choice(["halt", "", "halt"]))
                self.rest(length_s, starts=False)
            else:
                self.play_to(self.place_near(max(place_s, self.at_s)))
                getattr(self, "_" + name.replace("-", "_"))(length_s)
        if self.at_s < self.end_s:
            self.play_to(self.end_s)
        self.close("")

    def place_near(self, at_s: float) -> float:
        """Return a bar near a place, sometimes a beat or nowhere in particular."""
        grid = self.track.bars_s if self.rng.random() < 0.8 else self.track.beats_s
        if self.rng.random() < 0.12 or len(grid) == 0:
            return min(at_s, self.end_s)
        later = grid[grid >= at_s - 1e-9]
        found = float(later[0]) if len(later) else self.end_s
        return found if self.end_s - found > 2.0 else self.end_s

    def bars_before(self, at_s: float, count: int) -> float:
        """Return where the bar starts that lies some bars earlier; the start of the track at the least."""
        bars = self.track.bars_s
        index = int(np.searchsorted(bars, at_s - 1e-6))
        return min(at_s, float(bars[index - count])) if 0 <= index - count < len(bars) else 0.0

    def play_to(self, at_s: float) -> None:
        """Go on playing well."""
        self.at_s = max(self.at_s, at_s)

    def close(self, stop: str) -> None:
        """End the take that is being played at `at_s`; the next goes on from there."""
        marks = tuple(mark for mark in self.marks if mark[0] < self._take_end() - 1e-3)
        if marks:
            tail_s = float(self.rng.lognormal(-0.3, 0.7)) if stop else 0.0
            take = Take(marks, self._take_end(), self.style, tuple(self.flaws), str(stop), self.overlap_s, tail_s)
            self.parts.append(take)
        self.open(self.at_s, "music", keep_style=not stop)

    def _take_end(self) -> float:
        return max(self.at_s, self._apart_end_s) if self._apart_end_s else self.at_s

    _apart_end_s = 0.0

    def open(self, at_s: float, kind: str, *, keep_style: bool, overlap_s: float = 0.0) -> None:
        """Begin another take."""
        self.marks, self.flaws, self._apart_end_s = [(at_s, kind)], [], 0.0
        self.style = self.styles.near(self.style) if keep_style else self.styles.other()
        self.overlap_s = overlap_s

    def mark(self, at_s: float, kind: str) -> None:
        """Say that the take that is being played is of another kind from somewhere on."""
        kept = [mark for mark in self.marks if mark[0] < at_s - 1e-3]
        self.marks = [*kept, (max(at_s, self.marks[0][0]), kind)]

    def again_from(self, start_s: float) -> None:
        """Begin a take some way before the place that was reached: after a stop, so it replaces what was heard."""
        self.open(start_s, "music", keep_style=False, overlap_s=self.soft_overlap())

    # Breaks ----------------------------------------------------------------------------------------------------

    def soft_overlap(self) -> float:
        """Return how far a part reaches into the one before [s]; negative leaves a gap."""
        if self.rng.random() < 0.25:
            return -float(self.rng.exponential(0.5))
        return float(min(self.rng.exponential(0.25), 1.2))

    def rest(self, length_s: float, *, starts: bool) -> None:
        """Fill a break with junk; `starts` tells that music comes after it."""
        names = [name for name in BREAK_FAULTS if self.allowed(name)]
        left_s = length_s
        if self.allowed("ring-out") and self.parts and (self.rng.random() < 0.5 or not names):
            left_s -= self.junk("ring-out", float(self.rng.uniform(0.8, 5.0)))
        while names and left_s > 0.7:
            odds = np.array([self.weights[name] * _IN_BREAKS[name] for name in names])
            name = str(self.rng.choice(names, p=odds / odds.sum()))
            left_s -= self.junk(name, float(min(self.rng.lognormal(1.4, 0.7), max(left_s, 0.8))))
        if starts and (self.rng.random() < 0.45 or not names):
            counts = [name for name in ("count-in", "sticks") if self.allowed(name)]
            if counts:
                self.junk(str(self.rng.choice(counts)), self.track.beat_s * float(self.rng.choice([2, 4, 4, 4, 8])))

    def junk(self, name: str, duration_s: float, *, level_db: float | None = None) -> float:
        """Add a piece of junk; return how long it is."""
        middle, spread = self.junk_db
        usual = {"dead-air": -34.0, "hum": -16.0, "ring-out": -3.0, "noise": -8.0}.get(name, 0.0)
        drawn = float(np.clip(self.rng.normal(middle, spread), -26, 3)) + usual
        if name in ("scrap", "two-songs", "wander"):
            drawn = float(np.clip(self.rng.normal(-2, 3), -12, 3))
        soft = float(self.rng.choice([self.rng.uniform(0.003, 0.03), self.rng.exponential(0.4)]))
        part = Junk(
            kind=JUNK_KINDS[name],
            sound=name,
            duration_s=max(0.3, duration_s),
            level_db=drawn if level_db is None else level_db,
            seed=_seed(self.rng),
            overlap_s=min(self.soft_overlap(), duration_s / 3) if self.parts else 0.0,
            fade_s=min(soft, duration_s / 3),
            has_company=bool(self.rng.random() < self.company)
            and name in ("talk", "tuning", "noodling", "sticks", "count-in"),
        )
        self.parts.append(part)
        self.happened.add(name)
        return part.duration_s - max(part.overlap_s, 0.0)

    # Events ----------------------------------------------------------------------------------------------------

    def _break(self, length_s: float) -> None:
        """Stop, and go on from the same place."""
        self.close(self._how_to_stop())
        self.rest(length_s, starts=True)
        self.overlap_s = self.soft_overlap()

    def _how_to_stop(self) -> str:
        return str(self.rng.choice(["halt", "halt", "apart"]))

    def _two_songs(self, length_s: float) -> None:
        """Play another song for a while."""
        self.close(self._how_to_stop() if self.at_s > 0 else "")
        if self.allowed("break") and self.rng.random() < 0.7:
            self.rest(float(self.rng.uniform(1, 8)), starts=True)
        self.junk("two-songs", length_s)
        if self.allowed("break") and self.rng.random() < 0.7:
            self.rest(float(self.rng.uniform(1, 8)), starts=True)
        self.overlap_s = self.soft_overlap()

    def _wander(self, length_s: float) -> None:
        """Leave the song without stopping, and come back to it."""
        self.close("")
        self.junk("wander", length_s)
        self.parts[-1] = replace(self.parts[-1], overlap_s=float(self.rng.uniform(0.01, 0.4)))
        self.overlap_s = float(self.rng.uniform(0.01, 0.4))

    def _false_start(self, length_s: float) -> None:
        """Start, go wrong, stop, and start again from the same place."""
        start_s = self.at_s
        self.close("halt")
        played_s = float(min(self.rng.lognormal(1.8, 0.7), length_s, self.end_s - start_s))
        clean_s = played_s * float(self.rng.choice([0.0, self.rng.uniform(0.3, 0.95)]))
        self.marks = [(start_s, "repeat")]
        self._fall(start_s + clean_s, start_s + played_s, "false_start")
        self._stop_and_rest(max(1.0, length_s - played_s))
        self.again_from(start_s)
        self.happened.add("false-start")

    def _fall(self, from_s: float, to_s: float, kind: str) -> None:
        """Let the take that is being played go wrong in a stretch, and end there."""
        to_s = min(max(to_s, from_s + 0.3), self.end_s)
        if to_s - from_s > 0.2:
            self.mark(from_s, kind)
            self.flaws += self.draw_flaws(from_s, to_s, worst=True)
        self._apart_end_s = to_s

    def _stop_and_rest(self, length_s: float) -> None:
        """Stop the take that went wrong and rest; what was reached before stays reached."""
        reached_s = self.at_s
        self.close(self._how_to_stop())
        if self.rng.random() < 0.9:
            self.rest(length_s, starts=True)
        self.at_s = reached_s

    def _breakdown(self, length_s: float) -> None:
        """Fall apart, stop, and take it up again some bars earlier."""
        apart_s = float(np.clip(self.rng.lognormal(0.9, 0.6), 0.5, length_s))
        again_s = self._again_place()
        if again_s < self.at_s:
            self._retake(again_s)
        self._fall(self.at_s, self.at_s + apart_s, "breakdown")
        self._stop_and_rest(max(1.0, length_s - apart_s - (self.at_s - again_s)))
        self.again_from(again_s)
        self.happened.add("breakdown")

    def _again_place(self) -> float:
        """Return from where the song is taken up again: from here, some bars earlier, or the top."""
        if self.rng.random() < 0.1 and self.at_s < 40:
            return 0.0
        return max(self.bars_before(self.at_s, int(self.rng.choice([0, 0, 1, 2, 3, 4, 8]))), self.marks[0][0])

    def _retake(self, again_s: float) -> None:
        """Call what was played from a place on a repeat, because it will be played again."""
        self.mark(again_s, "repeat")

    def _restart(self, length_s: float) -> None:
        """Play some bars again, without a stop or after one."""
        count = int(self.rng.choice([1, 2, 2, 4, 4, 8]))
        again_s = max(self.bars_before(self.at_s, count), self.marks[0][0])
        if self.at_s - again_s < 1.0:
            return
        reached_s = self.at_s
        if self.rng.random() < 0.4:  # no stop: what was played first stands
            self.close("")
            self.open(again_s, "repeat", keep_style=True, overlap_s=self._seam())
            self.mark(reached_s, "music")
        else:
            self._retake(again_s)
            self._stop_and_rest(max(1.0, length_s - (reached_s - again_s)))
            self.again_from(again_s)
        self.at_s = reached_s
        self.happened.add("restart")

    def _seam(self) -> float:
        """Return the overlap of two takes that follow without a stop [s]."""
        return float(self.rng.uniform(0.008, 0.05))

    def _sloppy(self, length_s: float) -> None:
        """Play a stretch badly: before the good take, or, without a stop, after it."""
        start_s = self.at_s
        end_s = self.place_near(min(start_s + length_s * float(self.rng.uniform(0.6, 1.0)), self.end_s))
        if end_s - start_s < 2.0:
            return
        runs_on = self.rng.random() < 0.3
        if runs_on and self.rng.random() < 0.6:
            self.play_to(end_s)
            self.close("")
            self._bad_take(start_s, end_s, "")
            self.open(end_s, "music", keep_style=True, overlap_s=self._seam())
        else:
            self.close("" if runs_on else self._how_to_stop())
            self._bad_take(start_s, end_s, "" if runs_on else self._how_to_stop())
            if not runs_on and self.rng.random() < 0.9:
                self.rest(max(1.0, length_s - (end_s - start_s)), starts=True)
            self.open(start_s, "music", keep_style=runs_on, overlap_s=self._seam() if runs_on else self.soft_overlap())
        if "sloppy" in self.settings.faults:
            self.happened.add("sloppy")

    def _bad_take(self, start_s: float, end_s: float, stop: str) -> None:
        reached_s = self.at_s
        self.open(start_s, "sloppy", keep_style=not stop, overlap_s=self._seam() if not stop else self.soft_overlap())
        self.flaws = self.draw_flaws(start_s, end_s, worst=False)
        self.at_s = end_s
        self.close(stop)
        self.at_s = reached_s

    def _vamp(self, length_s: float, bars: tuple[int, ...] = (1, 2, 2, 4, 4, 8), name: str = "vamp") -> None:
        """Play a few bars again and again, each time a little differently."""
        count = int(self.rng.choice(bars))
        start_s, end_s = self.bars_before(self.at_s, count), self.at_s
        if end_s - start_s < 1.5:
            return
        self.close("")
        passes = int(np.clip(round(length_s / (end_s - start_s)), 1, 8))
        for _ in range(passes):
            self.open(start_s, "repeat", keep_style=True, overlap_s=self._seam())
            self.close("")
        self.open(end_s, "music", keep_style=True, overlap_s=self._seam())
        self.happened.add(name)

    def _chorus(self, length_s: float) -> None:
        """Play a whole part once more."""
        self._vamp(length_s / 2, bars=(8, 8, 12, 16), name="chorus")

    # Flaws ------------------------------------------------------------------------------------------

    def draw_flaws(self, start_s: float, end_s: float, *, worst: bool) -> list[Flaw]:
        """Draw what goes wrong in a stretch: some things in all of it, some in a bar or two."""
        # Any bad take may be bad in the common ways.
        common = bool(_BAD_TAKES.intersection(self.settings.faults))
        kinds = [kind for kind, fault in FLAWS.items() if (common if fault == "sloppy" else self.allowed(fault))]
        if not kinds:
            return []
        odds = np.array([self.weights.get(kind, 1.0) * float(self.rng.lognormal(0, 0.8)) for kind in kinds])
        flaws: list[Flaw] = []
        wanted = int(self.rng.integers(1, 4)) + (1 if worst else 0)
        for kind in self.rng.choice(kinds, size=min(wanted, len(kinds)), replace=False, p=odds / odds.sum()):
            amount = float(self.rng.uniform(0.35, 1.0))
            if FLAWS[str(kind)] != "sloppy":
                self.happened.add(FLAWS[str(kind)])
            if worst or self.rng.random() < 0.5:
                flaws.append(Flaw(str(kind), start_s, end_s, amount, _seed(self.rng)))
                continue
            for _ in range(1 + int((end_s - start_s) / self.rng.uniform(4, 12))):
                first_s = float(self.rng.uniform(start_s, end_s))
                last_s = min(end_s, first_s + float(self.rng.uniform(0.5, 3)) * self.bar_s)
                flaws.append(Flaw(str(kind), first_s, last_s, max(amount, 0.6), _seed(self.rng)))
        return flaws


_USUAL = {"break": 1.6, "two-songs": 0.35, "false-start": 1.1, "breakdown": 1.3, "restart": 1.0, "sloppy": 1.3,
          "vamp": 1.2, "chorus": 0.5, "wander": 0.5}  # fmt: skip
"""How usual each event is."""

_LENGTHS = {"break": (9.0, 0.8, 60.0), "two-songs": (30.0, 0.5, 80.0), "false-start": (14.0, 0.5, 60.0),
            "breakdown": (16.0, 0.5, 60.0), "restart": (16.0, 0.5, 50.0), "sloppy": (24.0, 0.6, 120.0),
            "vamp": (18.0, 0.6, 60.0), "chorus": (30.0, 0.4, 60.0), "wander": (12.0, 0.6, 40.0)}  # fmt: skip
"""Length of each event: median, spread of its logarithm, most [seconds]."""

_IN_BREAKS = {"talk": 2.2, "tuning": 0.8, "noodling": 1.3, "dead-air": 0.7, "hum": 0.3, "noise": 0.4, "applause": 0.2,
              "scrap": 0.5}  # fmt: skip
"""How usual each sound is in a break."""
