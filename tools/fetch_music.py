"""Fetches the finished music that editorbot learns from: ``python -m tools.fetch_music music``.

The music comes as Debian packages, by ``apt-get download`` (no rights are needed, nothing is installed). On other
systems fetch the ``.deb`` files elsewhere and give their folder with ``--from``. It can be interrupted and run again:
complete packages are left as they are, and another set or package is added. Only the music of a package is kept.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from editorbot.errors import EditorbotError
from tools.fetch import Fetched, fetch_package, write_all
from tools.music_table import PACKAGES, SETS

SET_HELP = (
    "small: enough to try training (155 MB to fetch); standard: what is reported on, and what all but the default "
    "editor's score and the policy learn from (930 MB); all: what these learn from too (7.6 GB; 2.3 GB are kept)"
)
"""Help text of --set."""


def main(arguments: list[str] | None = None) -> int:
    """Fetch as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.fetch_music", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [package.name for package in PACKAGES]
    parser.add_argument("folder", type=Path, nargs="?", default=Path("music"), help="the music folder")
    parser.add_argument("--packages", nargs="+", metavar="NAME", help=f"only some of: {', '.join(names)}")
    parser.add_argument("--set", choices=SETS, default="standard", help=SET_HELP)
    parser.add_argument("--small", action="store_const", const="small", dest="set", help="the same as --set small")
    parser.add_argument("--from", dest="source", type=Path, help="folder with .deb files that were fetched elsewhere")
    options = parser.parse_args(arguments)
    wanted = options.packages or SETS[options.set]
    fetched = [_shown(fetch_package(name, options.folder, options.source)) for name in wanted]
    errors = [one.error for one in fetched if one.error is not None]
    try:
        entries = write_all(options.folder, fetched) if len(errors) < len(fetched) else ()
    except EditorbotError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    hours = sum(entry.length_s or 0.0 for entry in entries) / 3600
    music = sum(entry.split is not None for entry in entries)
    print(f"{music} tracks, {hours:.1f} hours, are in {options.folder}; {len(errors)} problems")
    return errors[0].exit_code if errors else 0


def _shown(one: Fetched) -> Fetched:
    """Print one line about a package."""
    if one.error is not None:
        print(one.error, file=sys.stderr)
        return one
    size_mb = sum(entry.bytes for entry in one.entries) / 1e6
    there = ", was there already" if one.was_there else ""
    print(f"{one.package.name}: {len(one.entries)} files, {size_mb:.0f} MB{there}", flush=True)
    if one.note:
        print(f"warning: {one.package.name}: {one.note}", file=sys.stderr)
    return one


if __name__ == "__main__":
    sys.exit(main())
