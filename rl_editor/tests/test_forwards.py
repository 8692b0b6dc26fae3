"""``pytest rl_editor/tests/``: the one suite's tests of the policy."""

from __future__ import annotations

from tests.editors.test_policy_editor import *  # noqa: F403
from tests.models.test_attention import *  # noqa: F403
from tests.models.test_policy_networks import *  # noqa: F403
from tests.training.bc.test_demonstrations import *  # noqa: F403
from tests.training.bc.test_noise_injection import *  # noqa: F403
from tests.training.bc.test_train import *  # noqa: F403
from tests.training.conftest import *  # noqa: F403
from tests.training.ppo.test_advantages import *  # noqa: F403
from tests.training.ppo.test_train import *  # noqa: F403
from tests.training.test_rl_commands import *  # noqa: F403
