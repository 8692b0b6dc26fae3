"""Finished tracks are turned into believable jams of which the right edit is known.

track = track_of(samples, rate)         once for each finished track
jam = simulate_jam(track, rng)          as often as wanted: raw recording, truth, plan
"""

from editorbot.corpus.simulate.jam import Jam, simulate_jam
from editorbot.corpus.simulate.plan import FAULTS, RECORDING_EFFECTS, Plan, Simulation
from editorbot.corpus.simulate.track import Track, track_of

__all__ = ["FAULTS", "RECORDING_EFFECTS", "Jam", "Plan", "Simulation", "Track", "simulate_jam", "track_of"]
