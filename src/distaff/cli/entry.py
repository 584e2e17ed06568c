"""The command `distaff`: runs a command and turns what goes wrong into one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

import typer

from distaff.cli.app import app
from distaff.errors import EchoError, InputError

FAULT, MISUSE, INTERRUPTED = 1, 2, 130
"""Exit codes: distaff is at fault; the input or the command needs mending; Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0: done. 1: something unexpected. 2: the command or its input needs mending. 130: Ctrl-C. Whatever goes
    wrong is one line on stderr, with the traceback too when `--debug` is among the arguments.
    """
    # Threads that wait for each other spin; where other programs want the cores too, spinning long makes
    # training many times slower. It is read when torch is loaded, so it must be said before.
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    words = [word for word in given if word != "--debug"]
    command = typer.main.get_command(app)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            result = command.main(words or ["--help"], prog_name="distaff", standalone_mode=False)
        except EchoError:
            return 0
        except InputError as error:
            return _fail(str(error), MISUSE, debug=debug)
        except typer.TyperException as error:
            return _fail(_usage(error), MISUSE, debug=debug)
        except (KeyboardInterrupt, typer.Abort):
            return _fail("interrupted", INTERRUPTED, debug=debug)
        except OSError as error:
            return _fail(_file(error), MISUSE, debug=debug)
        except Exception as error:  # noqa: BLE001 - the last stop before the user
            message = f"unexpected {type(error).__name__}: {error}; use --debug for the traceback"
            return _fail(message, FAULT, debug=debug)
    if result == INTERRUPTED:
        # Typer turns a KeyboardInterrupt into this code itself, and says nothing.
        typer.echo("distaff: interrupted", err=True)
    return result if isinstance(result, int) else 0


def _fail(message: str, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    typer.echo(f"distaff: {' '.join(message.split())}", err=True)
    return code


def _usage(error: typer.TyperException) -> str:
    """Say what is wrong with the command, and where its help is."""
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "distaff"
    return f"{message[:1].lower()}{message[1:]}; '{path} --help' says more"


def _file(error: OSError) -> str:
    """Say which file the system refused, and why."""
    reason = error.strerror or str(error) or type(error).__name__
    return reason if error.filename is None else f"{os.fsdecode(error.filename)}: {reason}"


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    typer.echo(f"distaff: warning: {' '.join(str(message).split())}", err=True)
