"""The door of the command line: parses, runs, and turns errors into one line.

Every error that a user can act on is caught here and nowhere else.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from functools import reduce
from importlib import import_module
from operator import or_
from types import FrameType
from typing import Annotated, Any, Protocol, runtime_checkable

import tyro

from editorbot.cli.arguments import parse
from editorbot.cli.command_line import remember_command
from editorbot.cli.interrupted import interrupted
from editorbot.cli.streams import has_reader_gone, prepare_streams
from editorbot.errors import EditorbotError, as_one_line

BROKEN_PIPE_EXIT_CODE = 141
"""What shells use for a command ended by SIGPIPE."""

PRINTING = ("analyze", "doctor")
"""Commands whose product is what they print: a reader that leaves early makes them fail, and no other command."""

COLLECT_AFTER_OBJECTS = 50_000
"""New objects after which the garbage collector looks for cycles; Python's own default is 700 to 2,000."""

COMMANDS = ("edit", "render", "export", "analyze", "pairs", "train", "evaluate", "doctor")
"""Each is a class of its name, capitalized, in a module of its name."""


@runtime_checkable
class Command(Protocol):
    """What the arguments of a command become."""

    def run(self) -> int:
        """Do it; return the exit code."""


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
    remember_command(arguments)
    debug = "--debug" in arguments
    try:
        command = parse_command(arguments)
        exit_code = command.run()
        is_cut_short = has_reader_gone() and arguments[0] in PRINTING
        return exit_code or (BROKEN_PIPE_EXIT_CODE if is_cut_short else 0)
    except EditorbotError as error:
        if debug:
            traceback.print_exc()
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return interrupted()
    except Exception as error:
        # The last door: a bug of ours still ends in one line, and --debug shows where.
        if debug:
            raise
        known = as_one_line(error)
        print(known, file=sys.stderr)
        return known.exit_code


def parse_command(arguments: list[str]) -> Command:
    """Parse the command that is named, without loading the modules of the others."""
    named: Command
    if arguments and arguments[0] in COMMANDS and hasattr(_class_of(arguments[0]), "parse"):
        named = _class_of(arguments[0]).parse(arguments[1:])  # reads its arguments itself
    elif arguments and arguments[0] in COMMANDS:
        named = parse(_class_of(arguments[0]), f"editorbot {arguments[0]}", arguments[1:])
    else:
        every: Any = reduce(or_, (Annotated[_class_of(name), tyro.conf.subcommand(name)] for name in COMMANDS))
        named = parse(every, "editorbot", arguments, description="Turns a raw music recording into a polished track.")
    return named


def _class_of(name: str) -> Any:
    """Return the class of a command."""
    return getattr(import_module(f"editorbot.cli.{name}"), name.capitalize())


def _print_version() -> int:
    """Print the version."""
    from editorbot import __version__

    print(f"editorbot {__version__}")
    return 0


def _prepare_process() -> None:
    """Make streams and signals ours, and keep the garbage collector and BLAS from wasting time.

    Odd names are printed, and SIGTERM and SIGHUP clean up as Ctrl-C does.

    Imports leave half a million objects that live as long as the process. Walking them as they come
    and once more at the end costs a fifth of a short analysis. Threads of BLAS cost another fifth: its small
    products run beside other threads of ours, and the idle ones spin. Read when NumPy is first imported.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(COLLECT_AFTER_OBJECTS, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)
    prepare_streams()
    if threading.current_thread() is threading.main_thread():  # elsewhere the host program keeps its own handlers
        signal.signal(signal.SIGTERM, _end)
        # nohup has it ignored, and so it stays; Windows has no terminals that hang up.
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
            signal.signal(signal.SIGHUP, _end)


def _end(number: int, frame: FrameType | None) -> None:
    """End the process by an exception, so that temporary files are removed."""
    raise SystemExit(128 + number)
