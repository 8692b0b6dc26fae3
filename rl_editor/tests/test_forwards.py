"""``pytest rl_editor/tests/``: the one suite's tests of the policy."""

from __future__ import annotations

from tests.editors.test_policy_editor import *  # noqa: F403
from tests.models.test_attention import *  # noqa: F403
from tests.models.test_policy_networks import *  # noqa: F403
from tests.training.test_detours import *  # noqa: F403
from tests.training.test_ppo_losses import *  # noqa: F403
from tests.training.test_rl_commands import *  # noqa: F403
from tests.training.test_train_bc import *  # noqa: F403
from tests.training.test_train_ppo import *  # noqa: F403
