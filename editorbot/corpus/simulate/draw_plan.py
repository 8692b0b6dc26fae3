"""Draws what happens in a jam.

The finished track is played from its start to its end, and events interrupt it, mostly at bars. How often each of
them happens, how long, how loud and how clean is drawn anew for every jam (:mod:`fault_profile`), and then again for
every event.

What is kept of two good takes follows the custom of bands: played again after a stop, the later is the take; played
again without a stop, the first is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from editorbot.corpus.simulate.fault_profile import Event, FaultProfile, StyleSampler, draw_events, draw_flaws
from editorbot.corpus.simulate.flaws import FLAWS
from editorbot.corpus.simulate.plan import FAULTS, Flaw, Part, Plan, Simulation
from editorbot.corpus.simulate.recording_chain import draw_recording_chain
from editorbot.corpus.simulate.timeline import (
    BreakBuilder,
    TakeBuilder,
    bars_before,
    draw_overlap,
    draw_seam,
    mark_kept_takes,
    snap_to_bar,
)
from editorbot.corpus.simulate.track import Track


def draw_plan(track: Track, rng: np.random.Generator, settings: Simulation, *, others: int = 0) -> Plan:
    """Draw what happens in a jam of a track; only its length, beats and bars count.

    `others` is the number of other tracks from which scraps can be taken.
    """
    builder = _PlanBuilder(track, rng, settings, others)
    for event in draw_events(builder.profile, track.duration_s):
        builder.play_event(event)
    if builder.take.at_s < track.duration_s:
        builder.take.play_to(track.duration_s)
    builder.take.close("")
    chain = draw_recording_chain(rng, settings.recording_effects)
    return Plan(mark_kept_takes(builder.parts), chain, tuple(f for f in FAULTS if f in builder.happened))


class _PlanBuilder:
    """Plays the track up to each event, and lets the event happen."""

    def __init__(self, track: Track, rng: np.random.Generator, settings: Simulation, others: int) -> None:
        self.track, self.rng, self.end_s = track, rng, track.duration_s
        self.bar_s = max(1.0, float(np.median(np.diff(track.bars_s))) if len(track.bars_s) > 1 else 2.0)
        self.parts: list[Part] = []
        self.happened: set[str] = set()
        self.profile = FaultProfile(rng, settings, others)
        self.breaks = BreakBuilder(self.profile, track, self.parts, self.happened)
        must_drift = settings.faults == ("drift",)
        styles = StyleSampler(rng, self.end_s, may_drift=self.profile.allows("drift"), must_drift=must_drift)
        if styles.base.drift:
            self.happened.add("drift")
        self.take = TakeBuilder(styles, rng, self.parts)

    def play_event(self, event: Event) -> None:
        """Play well up to an event, and let it happen."""
        if event.place_s < 0:
            self.breaks.add_break(event.length_s, before_music=True)
        elif event.place_s >= self.end_s:
            self.take.play_to(self.end_s)
            self.take.close(self.rng.choice(["halt", "", "halt"]))
            self.breaks.add_break(event.length_s, before_music=False)
        else:
            self.take.play_to(snap_to_bar(self.track, max(event.place_s, self.take.at_s), self.rng))
            getattr(self, "_" + event.name.replace("-", "_"))(event.length_s)

    def _draw_stop(self) -> str:
        """Draw how a take stops, see `plan.Take.stop`."""
        return str(self.rng.choice(["halt", "halt", "apart"]))

    # Other things than the song ---------------------------------------------------------------------------------

    def _break(self, length_s: float) -> None:
        """Stop, and continue from the same place."""
        self.take.close(self._draw_stop())
        self.breaks.add_break(length_s, before_music=True)
        self.take.overlap_s = draw_overlap(self.rng)

    def _two_songs(self, length_s: float) -> None:
        """Play another song for a while."""
        self.take.close(self._draw_stop() if self.take.at_s > 0 else "")
        self._maybe_break()
        self.breaks.add_junk("two-songs", length_s)
        self._maybe_break()
        self.take.overlap_s = draw_overlap(self.rng)

    def _maybe_break(self) -> None:
        """Take a break between two songs, mostly."""
        if self.profile.allows("break") and self.rng.random() < 0.7:
            self.breaks.add_break(float(self.rng.uniform(1, 8)), before_music=True)

    def _wander(self, length_s: float) -> None:
        """Leave the song without stopping, and come back to it."""
        self.take.close("")
        self.breaks.add_junk("wander", length_s)
        self.parts[-1] = replace(self.parts[-1], overlap_s=float(self.rng.uniform(0.01, 0.4)))
        self.take.overlap_s = float(self.rng.uniform(0.01, 0.4))

    # Takes that go wrong ----------------------------------------------------------------------------------------

    def _false_start(self, length_s: float) -> None:
        """Start, go wrong, stop, and start again from the same place."""
        start_s = self.take.at_s
        self.take.close("halt")
        played_s = float(min(self.rng.lognormal(1.8, 0.7), length_s, self.end_s - start_s))
        clean_s = played_s * float(self.rng.choice([0.0, self.rng.uniform(0.3, 0.95)]))
        self.take.mark(start_s, "repeat")
        self._fall_apart(start_s + clean_s, start_s + played_s, "false_start")
        self._stop_and_break(max(1.0, length_s - played_s))
        self.take.restart_from(start_s)
        self.happened.add("false-start")

    def _breakdown(self, length_s: float) -> None:
        """Fall apart, stop, and play again from here, some bars earlier, or the top."""
        at_s = self.take.at_s
        apart_s = float(np.clip(self.rng.lognormal(0.9, 0.6), 0.5, length_s))
        if self.rng.random() < 0.1 and at_s < 40:
            again_s = 0.0
        else:
            count = int(self.rng.choice([0, 0, 1, 2, 3, 4, 8]))
            again_s = max(bars_before(self.track, at_s, count), self.take.start_s)
        if again_s < at_s:
            self.take.mark(again_s, "repeat")
        self._fall_apart(at_s, at_s + apart_s, "breakdown")
        self._stop_and_break(max(1.0, length_s - apart_s - (at_s - again_s)))
        self.take.restart_from(again_s)
        self.happened.add("breakdown")

    def _fall_apart(self, from_s: float, to_s: float, kind: str) -> None:
        """Let the take go wrong in a stretch, and end there."""
        to_s = min(max(to_s, from_s + 0.3), self.end_s)
        if to_s - from_s > 0.2:
            self.take.mark(from_s, kind)
            self.take.flaws += self._draw_flaws(from_s, to_s, worst=True)
        self.take.fall_apart(to_s)

    def _stop_and_break(self, length_s: float) -> None:
        """End the take that went wrong, and mostly take a break."""
        self.take.close(self._draw_stop())
        if self.rng.random() < 0.9:
            self.breaks.add_break(length_s, before_music=True)

    def _sloppy(self, length_s: float) -> None:
        """Play a stretch badly: before the good take, or, without a stop, after it."""
        start_s = self.take.at_s
        latest_s = min(start_s + length_s * float(self.rng.uniform(0.6, 1.0)), self.end_s)
        end_s = snap_to_bar(self.track, latest_s, self.rng)
        if end_s - start_s < 2.0:
            return
        runs_on = bool(self.rng.random() < 0.3)
        if runs_on and self.rng.random() < 0.6:
            self.take.play_to(end_s)
            self.take.close("")
            self._bad_take(start_s, end_s, "")
            self.take.open(end_s, "music", keep_style=True, overlap_s=draw_seam(self.rng))
        else:
            self._sloppy_before(start_s, end_s, length_s, runs_on=runs_on)
        if "sloppy" in self.profile.settings.faults:
            self.happened.add("sloppy")

    def _sloppy_before(self, start_s: float, end_s: float, length_s: float, *, runs_on: bool) -> None:
        """Play a stretch badly, and begin it again: without a stop where the band runs on."""
        self.take.close("" if runs_on else self._draw_stop())
        self._bad_take(start_s, end_s, "" if runs_on else self._draw_stop())
        if not runs_on and self.rng.random() < 0.9:
            self.breaks.add_break(max(1.0, length_s - (end_s - start_s)), before_music=True)
        self.take.open(start_s, "music", keep_style=runs_on, overlap_s=self._overlap(stops=not runs_on))

    def _bad_take(self, start_s: float, end_s: float, stop: str) -> None:
        """Play a stretch badly as a separate take."""
        reached_s = self.take.at_s
        self.take.open(start_s, "sloppy", keep_style=not stop, overlap_s=self._overlap(stops=bool(stop)))
        self.take.flaws = self._draw_flaws(start_s, end_s, worst=False)
        self.take.at_s = end_s
        self.take.close(stop)
        self.take.at_s = reached_s

    def _overlap(self, *, stops: bool) -> float:
        """Draw the overlap of a take with the one before it [s]."""
        return draw_overlap(self.rng) if stops else draw_seam(self.rng)

    def _draw_flaws(self, start_s: float, end_s: float, *, worst: bool) -> list[Flaw]:
        """Draw what goes wrong in a stretch, and note the faults that it belongs to."""
        flaws = draw_flaws(self.profile, start_s, end_s, bar_s=self.bar_s, worst=worst)
        # Any bad take may have the common flaws; only the event makes it a sloppy one.
        self.happened.update({FLAWS[flaw.kind] for flaw in flaws} - {"sloppy"})
        return flaws

    # Played too often -------------------------------------------------------------------------------------------

    def _restart(self, length_s: float) -> None:
        """Play some bars again, without a stop or after one."""
        reached_s = self.take.at_s
        count = int(self.rng.choice([1, 2, 2, 4, 4, 8]))
        again_s = max(bars_before(self.track, reached_s, count), self.take.start_s)
        if reached_s - again_s < 1.0:
            return
        if self.rng.random() < 0.4:  # no stop: the first time is kept
            self.take.close("")
            self.take.open(again_s, "repeat", keep_style=True, overlap_s=draw_seam(self.rng))
            self.take.mark(reached_s, "music")
        else:
            self.take.mark(again_s, "repeat")
            self._stop_and_break(max(1.0, length_s - (reached_s - again_s)))
            self.take.restart_from(again_s)
        self.happened.add("restart")

    def _vamp(self, length_s: float, bars: tuple[int, ...] = (1, 2, 2, 4, 4, 8), name: str = "vamp") -> None:
        """Play a few bars again and again, each time a little differently."""
        count = int(self.rng.choice(bars))
        start_s, end_s = bars_before(self.track, self.take.at_s, count), self.take.at_s
        if end_s - start_s < 1.5:
            return
        self.take.close("")
        passes = int(np.clip(round(length_s / (end_s - start_s)), 1, 8))
        for _ in range(passes):
            self.take.open(start_s, "repeat", keep_style=True, overlap_s=draw_seam(self.rng))
            self.take.close("")
        self.take.open(end_s, "music", keep_style=True, overlap_s=draw_seam(self.rng))
        self.happened.add(name)

    def _chorus(self, length_s: float) -> None:
        """Play a whole part once more."""
        self._vamp(length_s / 2, bars=(8, 8, 12, 16), name="chorus")
