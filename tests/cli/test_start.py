"""Starting up: what is imported, what is said about misuse, and how errors end."""

import errno
import json
import os
import signal
import subprocess
import sys
import warnings

import pytest
import typer

import distaff
from distaff.cli import entry, main
from distaff.errors import InputError

COMMANDS = (
    "demo",
    "train",
    "evaluate",
    "figures",
    "explore",
    "export",
    "encode",
    "generate",
    "edit",
    "recipes",
    "data",
    "metrics",
)
HEAVY = {"torch", "lightning", "matplotlib", "numba", "scipy", "sklearn", "numpy", "pandas"}
HEAVY |= {"onnx", "onnxruntime", "starlette", "uvicorn", "anywidget"}


def imported(*arguments):
    """Run a command in a new process; return the names of the packages it imported."""
    code = (
        "import sys, json\n"
        "from distaff.cli import main\n"
        f"code = main({list(arguments)!r})\n"
        "print('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["train", "--help"], ["recipes"], ["recipes", "vae"]]
)
def test_words_need_nothing_heavy(arguments):
    assert not imported(*arguments) & HEAVY


def test_listing_data_needs_no_torch():
    assert not imported("data") & {"torch", "lightning", "matplotlib"}


def test_every_public_name_loads():
    for name in distaff.__all__:
        assert getattr(distaff, name) is not None
    assert set(distaff.__all__) <= set(dir(distaff))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = distaff.nothing


def test_help_names_every_command(does):
    text = does("--help")
    assert all(command in text for command in COMMANDS)
    assert does() == text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(does, command):
    assert "Usage: distaff " + command in does(command, "--help")


def test_version(does):
    assert does("--version") == f"distaff {distaff.__version__}\n"


def test_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "distaff", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"distaff {distaff.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trian"], "did you mean 'train'"),
        (["train"], "recipe"),
        (["train", "vae", "--stepz", "3"], "--steps"),
        (["train", "vae", "--steps", "many"], "valid integer"),
        (["train", "vae", "--steps", "0"], "--steps"),
        (["generate", "run"], "--out"),
    ],
)
def test_misuse_is_one_line(fails, arguments, said):
    line = fails(*arguments)
    assert said.lower() in line.lower()
    assert "--help' says more" in line


def test_debug_shows_the_traceback_of_bad_input(capsys):
    assert main(["recipes", "va", "--debug"]) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.splitlines()[-1].startswith("distaff: recipes: ")


def raising(monkeypatch, error):
    """Make listing recipes raise an error."""

    def fail():
        raise error

    monkeypatch.setattr("distaff.recipe.describe", fail)


def test_the_unexpected_is_one_line(monkeypatch, capsys):
    raising(monkeypatch, RuntimeError("something\nodd"))
    assert main(["recipes"]) == 1
    shown = capsys.readouterr().err
    assert shown == "distaff: unexpected RuntimeError: something odd; use --debug for the traceback\n"


def test_the_unexpected_with_debug(monkeypatch, capsys):
    raising(monkeypatch, RuntimeError("odd"))
    assert main(["recipes", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_ctrl_c_exits_with_130_and_one_line(monkeypatch, capsys, error):
    raising(monkeypatch, error)
    assert main(["recipes"]) == 128 + signal.SIGINT
    assert capsys.readouterr().err == "distaff: interrupted\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "a.png"), "a.png: Permission denied"),
        (OSError(errno.ENAMETOOLONG, "File name too long", b"long"), "long: File name too long"),
        (OSError("no strerror"), "no strerror"),
    ],
)
def test_what_the_system_refuses_is_said_by_file(monkeypatch, capsys, error, said):
    raising(monkeypatch, error)
    assert main(["recipes"]) == 2
    assert capsys.readouterr().err == f"distaff: {said}\n"


def test_a_name_too_long_is_one_line(fails):
    assert "File name too long" in fails("evaluate", "x" * 5000)


def test_input_error_on_several_lines_is_one(monkeypatch, capsys):
    raising(monkeypatch, InputError("one\n  two"))
    assert main(["recipes"]) == 2
    assert capsys.readouterr().err == "distaff: one two\n"


def test_warnings_are_one_line(monkeypatch, capsys):
    def warn():
        warnings.warn("mind the gap", UserWarning, stacklevel=1)
        return {}

    monkeypatch.setattr("distaff.recipe.describe", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["recipes"]) == 0
    assert capsys.readouterr().err == "distaff: warning: mind the gap\n"


def test_a_closed_pipe_is_no_accident():
    code = "from distaff.cli import main; import sys; sys.exit(main(['data']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait() in {0, 1}


def test_arguments_default_to_those_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["distaff", "--version"])
    assert entry.main() == 0
    assert "distaff" in capsys.readouterr().out
