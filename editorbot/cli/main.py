"""The entry point of the command line: parses, runs, and turns errors into one line each.

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

from editorbot.cli.arguments import parse, remember_typed
from editorbot.cli.interrupted import interrupted
from editorbot.cli.streams import has_reader_gone, prepare_streams
from editorbot.errors import EditorbotError, as_one_line

BROKEN_PIPE_EXIT_CODE = 141
"""What shells use for a command ended by SIGPIPE."""

PRINTING = ("analyze", "doctor")
"""Commands that only print: they fail if the reader leaves early, and no other command does."""

COLLECT_AFTER_OBJECTS = 50_000
"""New objects after which the garbage collector looks for cycles; Python's own default is 700 to 2,000."""

COMMANDS = ("edit", "render", "export", "analyze", "pairs", "train", "evaluate", "doctor")
"""Each is a class of its name, capitalized, in a module of its name."""


@runtime_checkable
class Command(Protocol):
    """A command with its arguments."""

    def run(self) -> int:
        """Do the work, and return the exit code."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``editorbot``; those of the process by default.

    Returns
    -------
    exit_code : int
        0 if all went well; see ``docs/exit-codes.md``.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments in (["--version"], ["-V"]):
        return _print_version()
    _prepare_process()
    remember_typed(arguments)
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
        # Even a bug of ours ends in one line, and --debug shows where it is.
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
    """Load the class of a command."""
    return getattr(import_module(f"editorbot.cli.{name}"), name.capitalize())


def _print_version() -> int:
    """Print the version."""
    from editorbot import __version__

    print(f"editorbot {__version__}")
    return 0


def _prepare_process() -> None:
    """Set up streams and signals, and keep the garbage collector and BLAS from wasting time.

    Any file name can be printed, and SIGTERM and SIGHUP clean up as Ctrl-C does.

    Imports leave half a million objects that live as long as the process; walking them again and again costs
    a fifth of a short analysis. Threads of BLAS cost another fifth: its products are small, other threads of ours
    run beside them, and idle ones spin. NumPy reads the variable when it is first imported.
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
