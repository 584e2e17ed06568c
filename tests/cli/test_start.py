"""Starting up: what is imported, what is said about misuse, and how errors and signals end."""

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import warnings

import pytest
import typer

import distaff
from distaff.cli import _entry, main
from distaff.errors import DivergedError, InputError, WriteError

COMMANDS = (
    *("demo", "train", "evaluate", "score", "figures", "explore", "export"),
    *("encode", "generate", "edit", "mix", "recipes", "data", "metrics"),
)
READING = set(COMMANDS) - {"demo"}
"""Commands that read a recipe, a run, or what parts there are, and so take --import."""
HEAVY = {"torch", "lightning_fabric", "matplotlib", "numba", "scipy", "sklearn", "numpy", "pandas"}
HEAVY |= {"onnx", "onnxruntime", "starlette", "uvicorn", "anywidget"}


IMPORTED = """
import json, sys
from distaff.cli import main
found = {}
for words in json.loads(sys.argv[1]):
    assert main(words) == 0
    found[" ".join(words)] = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps(found))
"""


def imported(*commands):
    """Run commands one after another in a new process; return the packages that there are after each."""
    words = json.dumps([command.split() for command in commands])
    done = subprocess.run([sys.executable, "-c", IMPORTED, words], capture_output=True, text=True, check=True)
    return {command: set(names) for command, names in json.loads(done.stdout.splitlines()[-1]).items()}


def test_words_need_nothing_heavy():
    found = imported("--version", "--help", "train --help", "train -h", "recipes", "recipes vae")
    assert {command: names & HEAVY for command, names in found.items() if names & HEAVY} == {}


def test_lists_need_no_torch():
    heavy = {"torch", "lightning_fabric", "matplotlib"}
    found = imported("data", "metrics mig", "metrics")
    assert {command: names & heavy for command, names in found.items() if names & heavy} == {}


def test_help_names_every_command(does):
    text = does("--help")
    assert all(f" {command} " in text for command in COMMANDS)
    assert does() == does("-h") == text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(does, command):
    text = does(command, "--help")
    assert "Usage: distaff " + command in text
    assert does(command, "-h") == text
    assert ("--import" in text) == (command in READING)


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
        (["train", "vae", "--stepz", "3"], "did you mean --steps?"),
        (["train", "vae", "--lr", "1e-3"], "no option --lr; fields of the recipe are set by --set train.lr="),
        (["train", "vae", "--steps", "many"], "valid integer"),
        (["train", "vae", "--steps", "0"], "--steps"),
        (["train", "vae", "--log", "paper"], "'tensorboard'"),
        (["edit", "run"], "image"),
        (["export", "run"], "--to"),
    ],
)
def test_misuse_is_one_line(fails, arguments, said):
    line = fails(*arguments)
    assert said.lower() in line.lower()
    assert "--help' says more" in line


@pytest.mark.parametrize("command", sorted(READING))
def test_a_module_that_is_not_there_is_one_line(fails, command):
    words = {"encode": ("run", "a.png"), "edit": ("run", "a.png"), "train": ("vae",)}
    words |= {"mix": ("run", "--from", "a=1", "--to", "a=2"), "export": ("run", "--to", "a.html")}
    words |= {"score": ("z.npy", "f.csv"), **dict.fromkeys(("recipes", "data", "metrics"), ())}
    given = words.get(command, ("run",))
    assert "there is no module 'no_such'" in fails(command, *given, "--import", "no_such")


def test_a_module_of_this_folder_is_imported(does, own_folder):
    (own_folder / "my_terms.py").write_text(
        "from typing import ClassVar\n"
        "from distaff.losses import Reconstruction\n"
        "class Again(Reconstruction):\n"
        "    '''The reconstruction once more.'''\n"
        "    tag: ClassVar[str] = 'again_of_the_test'\n"
    )
    listed = " ".join(does("recipes", "--parts", "--import", "my_terms").split())
    assert "again_of_the_test The reconstruction once more. (module my_terms)" in listed


def test_a_module_that_fails_is_one_line(fails, own_folder):
    (own_folder / "my_mistake.py").write_text("1 / 0\n")
    assert "import my_mistake: ZeroDivisionError" in fails("recipes", "--import", "my_mistake")


def test_debug_shows_the_traceback_of_bad_input(capsys):
    assert main(["recipes", "va", "--debug"]) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.splitlines()[-1].startswith("distaff: recipes: ")


def raising(monkeypatch, error):
    """Make listing recipes raise an error."""

    def fail():
        raise error

    monkeypatch.setattr("distaff.recipes.describe", fail)


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


def test_sigterm_exits_with_143_and_one_line(monkeypatch, capsys):
    raising(monkeypatch, SystemExit(128 + signal.SIGTERM))
    assert main(["recipes"]) == 143
    assert capsys.readouterr().err == "distaff: ended by SIGTERM\n"


@pytest.mark.parametrize(
    "error",
    [InputError("one\n  two"), WriteError("one two"), DivergedError("one two", "kl", 3)],
)
def test_errors_of_distaff_are_one_line(monkeypatch, capsys, error):
    raising(monkeypatch, error)
    assert main(["recipes"]) == 2
    assert capsys.readouterr().err == "distaff: one two\n"


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


@pytest.mark.parametrize("name", ["[bold]x[/bold]", "[/]", ":smile:", "$a$", "日本", "\x1b[2Jx", "\u202ex"])
def test_user_text_is_shown_literally(fails, name):
    line = fails("evaluate", name)
    assert name.encode("unicode_escape").decode() in line or name in line
    assert "\x1b" not in line
    assert "\u202e" not in line


def test_a_name_that_no_encoding_holds_is_one_line():
    words = ["score", os.fsdecode(b"\xff\xfe.npy"), "f.csv"]
    done = subprocess.run(
        [sys.executable, "-m", "distaff", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "\\udcff" in done.stderr
    assert done.stderr.count("\n") == 1


def test_warnings_are_one_line(monkeypatch, capsys):
    def warn():
        warnings.warn("mind the gap", UserWarning, stacklevel=1)
        logging.getLogger("distaff").warning("and\nthe step")
        logging.getLogger("distaff").info("said")
        logging.getLogger("distaff").debug("not said")
        return {"vae": "a recipe"}

    monkeypatch.setattr("distaff.recipes.describe", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["recipes"]) == 0
    shown = "distaff: warning: mind the gap\ndistaff: warning: and the step\ndistaff: said\n"
    assert capsys.readouterr().err == shown
    assert not logging.getLogger("distaff").handlers


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
    assert _entry.main() == 0
    assert "distaff" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("", "no name of a module"),
        (".mine", "write it as in Python, such as mine"),
        ("parts/mine.py", "write it as in Python, such as parts.mine"),
        ("mine.py", "write the module without its suffix: mine"),
    ],
)
def test_what_is_no_name_of_a_module_is_told(fails, own_folder, module, says):
    (own_folder / "mine.py").write_text("")
    assert says in fails("recipes", "--import", module)
