"""The shape of the policy's networks, for those who train them and those who only use them. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from editorbot.analysis.features import feature_columns
from editorbot.environment.actions import SIZES, Size, Vocabulary, vocabulary_named
from editorbot.environment.state import FEATURES, PARTS, STATE_NAMES, STATE_SIZE
from editorbot.errors import UsageError
from editorbot.models.scorer_config import CLASSES

SCORE_FEATURE_NAMES: tuple[str, ...] = (
    "is_known",
    *(f"chance_{name}" for name in CLASSES),
    "kept",
    "kept_since",
    "kept_until",
    *(f"span_{Size(index).name.lower()}" for index in range(SIZES)),
)
"""What the analysis and the learned score tell of a beat beside its features, zeros where nobody asked them.

``is_known``: 1. ``chance_*``: of each class of the learned score. ``kept``: share of the beat that the score's rules
keep. ``kept_since``, ``kept_until``: beats to the last and the next switch of that, over 16, at most 1. ``span_*``:
beats of each size from here on, over 16.
"""

SCORE_FEATURES = len(SCORE_FEATURE_NAMES)
BEAT_INPUTS = FEATURES + SCORE_FEATURES
"""Numbers that the encoder reads of each beat."""

OUTLOOK = 17
"""Beats from the cursor on of which the policy reads how likely they are kept: the longest size, and one more."""

AHEAD = OUTLOOK + SCORE_FEATURES
"""Numbers that the policy reads of a beat beside what the encoder makes of it: the outlook, and the beat's hints."""

CENTRE = PARTS["beat+0"]
"""Columns of a state that hold the beat at the cursor: by these the encoder's features are normalized."""

INPUT_ORDER = ",".join((*STATE_NAMES, *SCORE_FEATURE_NAMES))
"""What every input of the networks is, in order."""

CLOSED = -1e9
"""Log odds of what is closed."""

ENERGY_CLASSES = 3
"""Quiet, middling and loud beats of a recording."""

CEPSTRA = feature_columns("mfcc_0", "mfcc_12")
"""Columns that hold the shape of a beat's mel spectrum."""


@dataclass(frozen=True)
class PolicyConfig:
    """Sizes of encoder, policy and value network."""

    vocabulary: str = "v3"
    """Vocabulary of actions, v1, v2 or v3; e.g. --vocabulary v2."""
    policy_hidden_dim: int = 512
    """Width of the encoder, a multiple of the heads; e.g. --policy-hidden-dim 64."""
    natten_n_heads: int = 8
    """Heads of the neighborhood attention, e.g. --natten-n-heads 4."""
    natten_n_layers: int = 3
    """Layers of the neighborhood attention, e.g. --natten-n-layers 2."""
    natten_kernel_size: int = 33
    """Beats that each beat attends to in a layer, odd; e.g. --natten-kernel-size 17."""
    dropout: float = 0.1
    """Dropout while cloning, e.g. --dropout 0."""

    def __post_init__(self) -> None:
        vocabulary_named(self.vocabulary)
        hidden, heads, kernel = self.policy_hidden_dim, self.natten_n_heads, self.natten_kernel_size
        if min(hidden, heads, self.natten_n_layers) < 1:
            raise UsageError("policy_hidden_dim, natten_n_heads and natten_n_layers must be at least 1")
        if hidden % heads:
            raise UsageError(f"policy_hidden_dim must be divisible by natten_n_heads, but {hidden} is not by {heads}")
        if kernel < 1 or kernel % 2 == 0:
            raise UsageError(f"natten_kernel_size must be odd, but is {kernel}")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout must lie in [0, 1), but is {self.dropout}")

    @property
    def action_vocabulary(self) -> Vocabulary:
        """The vocabulary itself."""
        return vocabulary_named(self.vocabulary)

    @property
    def inputs(self) -> int:
        """Numbers that policy and value network read: beat, outlook and hints, recording, state."""
        return 3 * self.policy_hidden_dim + AHEAD + STATE_SIZE


DEFAULT = PolicyConfig()
"""What a GPU of 12 GB trains."""

SMALL = replace(DEFAULT, policy_hidden_dim=64, natten_n_heads=4, natten_n_layers=2)
"""What two cores of a CPU train; shipped weights have this shape."""

PRESETS: Mapping[str, PolicyConfig] = {"default": DEFAULT, "small": SMALL}


def preset_named(name: str) -> PolicyConfig:
    """Return the shape of a preset.

    Raises
    ------
    UsageError
        If there is none of that name; the message lists them.
    """
    if name not in PRESETS:
        raise UsageError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def told(config: PolicyConfig) -> dict[str, Any]:
    """Return a configuration as plain data."""
    return asdict(config)
