"""Optional packages: which extra brings what, and the command that installs it here.

editorbot is on no package index, so ``pip install editorbot[learn]`` finds nothing. A checkout installs itself, under
its constraints; a wheel, which has none, the packages that its metadata lists for the extra.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

from editorbot.errors import MissingExtraError

EXTRAS = {"beats": "beat-this", "learn": "torch", "sim": "mido", "stems": "demucs"}
"""The package that a user misses, by the name of the extra that brings it."""

_PROJECT = Path(__file__).resolve().parents[1]
"""The checkout's folder, or site-packages."""


def missing_extra(extra: str, what: str) -> MissingExtraError:
    """Make the error that says what an extra is missing for, and how to install it."""
    return MissingExtraError(f"{what}; run: {install_extra(extra)}")


def install_extra(extra: str) -> str:
    """Make the command that installs an extra, as it is typed into a shell; it works in any folder."""
    if _is_checkout():
        return install_packages("-e", f"{_PROJECT}[{extra}]")
    return install_packages(*_requirements(extra))


def install_packages(*packages: str) -> str:
    """Make the command that installs packages, which may have options of pip among them."""
    constraints = ("-c", str(_PROJECT / "constraints.txt")) if _is_checkout() else ()
    return " ".join(map(_quoted, (sys.executable or "python", "-m", "pip", "install", *constraints, *packages)))


def _is_checkout() -> bool:
    """Whether the package is used from its source folder."""
    return all((_PROJECT / name).is_file() for name in ("pyproject.toml", "constraints.txt"))


def _requirements(extra: str) -> list[str]:
    """Read the requirements of an extra from the installed package's metadata."""
    import importlib.metadata  # 15 ms that only an error costs

    try:
        lines = importlib.metadata.requires("editorbot") or []
    except importlib.metadata.PackageNotFoundError:
        lines = []
    marker = re.compile(rf"\s*(;|\band)\s*extra\s*==\s*['\"]{re.escape(extra)}['\"]")
    return [marker.sub("", line) for line in lines if marker.search(line)] or [EXTRAS[extra]]


def _quoted(part: str) -> str:
    """Quote a word for the shell where it needs that; Windows knows double quotes alone."""
    if os.name != "nt":
        return shlex.quote(part)
    return f'"{part}"' if re.search(r"[^\w.:\\/=-]", part) else part
