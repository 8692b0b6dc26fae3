"""Analysis + EditRequest -> EditList, one file an editor."""

from typing import Literal

EditorName = Literal["scored", "scored-rules", "retarget", "pointer", "policy", "keep-all"]
"""Values of ``--editor``; `registry` knows their classes."""
