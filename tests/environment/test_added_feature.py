"""A feature is added in one place: everything from the state to a training follows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import editorbot.analysis.features as features

WITH_ONE_MORE = """
import sys, types
from pathlib import Path

path = Path(sys.argv[1])
before = '        "beat_strength": lambda grid: grid.strength,\\n'
source = path.read_text("utf-8")
assert before in source
module = types.ModuleType("editorbot.analysis.features")
sys.modules[module.__name__] = module
added = before + '        "beat_strength_squared": lambda grid: grid.strength**2,\\n'
exec(compile(source.replace(before, added), path, "exec"), module.__dict__)

import numpy as np
import torch

from editorbot.environment.batch_env import BatchEditingEnv
from editorbot.environment.gym_env import EditingEnv
from editorbot.environment.settings import EnvironmentSettings
from editorbot.environment.state import BEATS_SEEN, STATE_NAMES, STATE_SIZE, Normalizer
from editorbot.models.policy import EditingAgent
from editorbot.models.policy_config import BEAT_INPUTS
from editorbot.training.ppo.config import PpoTraining
from editorbot.environment.vec_env import VecEnv
from editorbot.training.ppo.train import PpoRun
from tests.environment.games import song_material
from tests.training.demonstrations import TINY, demonstrations

column = module.FEATURE_NAMES.index("beat_strength_squared")
material = song_material("AB", target=0.5)
material.padded[:, column] = np.arange(len(material.padded))
batch, single = BatchEditingEnv([material], 2), EditingEnv([material])
states, _ = batch.reset(seed=0)
state, _ = single.reset(seed=0)
assert states.shape == (2, STATE_SIZE) and STATE_SIZE == 861 + BEATS_SEEN
assert state[STATE_NAMES.index("beat+3.beat_strength_squared")] == 6
np.testing.assert_array_equal(states[0], state)
keep = np.array([0, 1, 0])
np.testing.assert_array_equal(batch.step(np.stack([keep, keep]))[0][0], single.step(keep)[0])
config = PpoTraining(updates=1, n_envs=4, n_steps=4, gradient_accumulation_steps=1)
vec_env = VecEnv([material], 4, EnvironmentSettings(), Normalizer.identity())
run = PpoRun(EditingAgent(TINY), vec_env, [torch.zeros(material.beats, BEAT_INPUTS)], config,
    demonstrations=demonstrations(2))
assert np.isfinite(run.run_update()["train/policy_loss"])
print("done")
"""


def test_a_feature_that_is_added_in_one_place_reaches_the_training():
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", WITH_ONE_MORE, features.__file__]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert found.stdout.endswith("done\n"), found.stderr
