"""The door of the command line: parses, runs, and turns errors into one line.

Every error that a user can act on is caught here and nowhere else.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated

import tyro

from editorbot.cli.analyze import Analyze
from editorbot.cli.doctor import Doctor
from editorbot.cli.edit import Edit
from editorbot.cli.evaluate import Evaluate
from editorbot.cli.export import Export
from editorbot.cli.pairs import Pairs
from editorbot.cli.render import Render
from editorbot.cli.train import Train
from editorbot.errors import BugError, EditorbotError

INTERRUPTED_EXIT_CODE = 130
"""What shells use for a command ended by Ctrl-C."""

COLLECT_AFTER_OBJECTS = 50_000
"""New objects after which the garbage collector looks for cycles; Python's own default is 700 to 2,000."""

Command = (
    Annotated[Edit, tyro.conf.subcommand("edit")]
    | Annotated[Render, tyro.conf.subcommand("render")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Analyze, tyro.conf.subcommand("analyze")]
    | Annotated[Pairs, tyro.conf.subcommand("pairs")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands after ``editorbot``; the process's own by default.

    Returns
    -------
    exit_code : int
        0 where all went well; see ``docs/exit-codes.md``.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments in (["--version"], ["-V"]):
        return _print_version()
    _prepare_process()
    debug = "--debug" in arguments
    try:
        command: Edit | Render | Export | Analyze | Pairs | Train | Evaluate | Doctor = tyro.cli(
            Command,
            prog="editorbot",
            description="Turns a raw music recording into a polished track.",
            args=arguments,
            config=(tyro.conf.FlagCreatePairsOff, tyro.conf.OmitSubcommandPrefixes),
        )
        return command.run()
    except EditorbotError as error:
        if debug:
            traceback.print_exc()
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted: nothing half written was left", file=sys.stderr)
        return INTERRUPTED_EXIT_CODE
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        # The last door: a bug of ours still ends in one line, and --debug shows where.
        if debug:
            raise
        print(BugError.of(error), file=sys.stderr)
        return BugError.exit_code


def _print_version() -> int:
    """Print the version."""
    from editorbot import __version__

    print(f"editorbot {__version__}")
    return 0


def _prepare_process() -> None:
    """Let odd names be printed, let SIGTERM clean up as Ctrl-C does, and keep the garbage collector off what stays.

    Imports leave half a million objects that live as long as the process. Walking them as they come
    and once more at the end costs a fifth of a short analysis.
    """
    gc.set_threshold(COLLECT_AFTER_OBJECTS, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        signal.signal(signal.SIGTERM, _end)
    except ValueError:
        return  # not in the main thread: the host program keeps its own handlers


def _end(number: int, frame: FrameType | None) -> None:
    """End the process by an exception, so that temporary files are removed."""
    raise SystemExit(128 + number)
