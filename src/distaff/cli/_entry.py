"""The command `distaff`: its commands, and what goes wrong turned into one line and an exit code."""

from __future__ import annotations

import difflib
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from distaff._version import __version__
from distaff.cli._console import allow_any_text, tell
from distaff.cli._generate import edit, generate, mix
from distaff.cli._lists import data, metrics, recipes
from distaff.cli._runs import evaluate, explore, export, figures, pull, push
from distaff.cli._score import encode, score
from distaff.cli._study import study
from distaff.cli._train import demo, train
from distaff.errors import DistaffError

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="'distaff COMMAND --help' says more. Any command takes --debug, to show an error's traceback.",
)
FAULT, MISUSE, INTERRUPTED = 1, 2, 130
"""Exit codes: distaff is at fault; the input or the command needs mending; Ctrl-C."""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"distaff {__version__}")
        raise typer.Exit


@app.callback()
def _about(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Train, measure and explore variational autoencoders whose latents mean something."""


for command in (
    *(demo, train, evaluate, score, figures, explore, export),
    *(encode, generate, edit, mix, study, push, pull, recipes, data, metrics),
):
    app.command()(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0: done. 1: something unexpected. 2: the command or its input needs mending. 130: Ctrl-C. 143: SIGTERM.
    Whatever goes wrong is one line on stderr, with the traceback too when `--debug` is among the arguments.
    """
    allow_any_text()
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    words = [word for word in given if word != "--debug"]
    command = typer.main.get_command(app)
    with warnings.catch_warnings(), _showing_log():
        warnings.showwarning = _show_warning
        try:
            result = command.main(words or ["--help"], prog_name="distaff", standalone_mode=False)
        except DistaffError as error:
            return _fail(str(error), MISUSE, debug=debug)
        except typer.TyperException as error:
            return _fail(_usage(error), MISUSE, debug=debug)
        except (KeyboardInterrupt, typer.Abort):
            return _fail("interrupted", INTERRUPTED, debug=debug)
        except SystemExit as error:
            return _ended(error)
        except OSError as error:
            return _fail(_file(error), MISUSE, debug=debug)
        except Exception as error:  # noqa: BLE001 - the last stop before the user
            message = f"unexpected {type(error).__name__}: {error}; use --debug for the traceback"
            return _fail(message, FAULT, debug=debug)
    if result == INTERRUPTED:
        # Typer turns a KeyboardInterrupt into this code itself, and says nothing.
        tell("distaff: interrupted", err=True)
    return result if isinstance(result, int) else 0


class _Log(logging.Handler):
    """Shows what the library says, unless a training shows it itself."""

    def emit(self, record: logging.LogRecord) -> None:
        if logging.getLogger("distaff").handlers == [self]:
            kind = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
            tell(f"distaff: {kind}{' '.join(record.getMessage().split())}", err=True)


@contextmanager
def _showing_log() -> Iterator[None]:
    logger, handler = logging.getLogger("distaff"), _Log()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _fail(message: str, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    tell(f"distaff: {' '.join(message.split())}", err=True)
    return code


def _ended(error: SystemExit) -> int:
    """Return the exit code of a program that a signal ended, 128 and its number, and say which it was."""
    code = error.code if isinstance(error.code, int) else FAULT
    if code - 128 in set(signal.Signals):
        tell(f"distaff: ended by {signal.Signals(code - 128).name}", err=True)
    return code


def _usage(error: typer.TyperException) -> str:
    """Say what is wrong with the command, and where its help is."""
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "distaff"
    option = getattr(error, "option_name", None)
    if path.endswith(" train") and option is not None:
        near = difflib.get_close_matches(
            option, getattr(error, "possibilities", None) or (), n=1, cutoff=0.75
        )
        field = option.lstrip("-").replace("-", "_")
        right = (
            f"did you mean {near[0]}?" if near else f"fields of the recipe are set by --set train.{field}=..."
        )
        message = f"no option {option}; {right}"
    return f"{message[:1].lower()}{message[1:]}; '{path} --help' says more"


def _file(error: OSError) -> str:
    """Say which file the system refused, and why."""
    reason = error.strerror or str(error) or type(error).__name__
    return reason if error.filename is None else f"{os.fsdecode(error.filename)}: {reason}"


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    tell(f"distaff: warning: {' '.join(str(message).split())}", err=True)
