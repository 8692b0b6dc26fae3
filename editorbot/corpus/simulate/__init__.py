"""Finished tracks are ruined into believable jams of which the right edit is known.

track = track_of(samples, rate)         once for each finished track
jam = simulate_jam(track, rng)          as often as wanted: raw recording, truth, plan
"""

from editorbot.corpus.simulate.jam import Jam, simulate_jam, without
from editorbot.corpus.simulate.plan import FAULTS, FINISHES, Plan
from editorbot.corpus.simulate.settings import Simulation
from editorbot.corpus.simulate.track import Track, track_of

__all__ = ["FAULTS", "FINISHES", "Jam", "Plan", "Simulation", "Track", "simulate_jam", "track_of", "without"]
