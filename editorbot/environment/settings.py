"""Settings of the environments, single and batch alike."""

from __future__ import annotations

from dataclasses import dataclass, field

from editorbot.environment.actions import Vocabulary, vocabulary_named
from editorbot.environment.masks import MAX_LOOPS
from editorbot.environment.material import LEAST_BEATS, WINDOW_BEATS
from editorbot.environment.reward import RewardWeights
from editorbot.errors import UsageError


@dataclass(frozen=True)
class EnvironmentSettings:
    """What an environment plays, and how it is paid."""

    vocabulary: str = "v3"
    """Types of action: v1, v2 or v3."""
    max_loops: int = MAX_LOOPS
    """LOOP and REPEAT_PREV steps that an episode may hold."""
    window_beats: int = WINDOW_BEATS
    """Recordings of more beats are played in windows of so many."""
    reward: RewardWeights = field(default_factory=RewardWeights)
    """Weight of each component of the reward."""

    def __post_init__(self) -> None:
        vocabulary_named(self.vocabulary)
        if self.max_loops < 0:
            raise UsageError(f"max_loops must not be negative, but is {self.max_loops}")
        if self.window_beats < LEAST_BEATS:
            raise UsageError(f"window_beats must be at least {LEAST_BEATS}, but is {self.window_beats}")

    @property
    def action_vocabulary(self) -> Vocabulary:
        """The vocabulary itself."""
        return vocabulary_named(self.vocabulary)
