"""The house holds: what may import what, how large it is, and which words it speaks."""

import ast
import importlib
import inspect
import io
import pkgutil
import re
import subprocess
import sys
from contextlib import redirect_stdout
from itertools import pairwise
from pathlib import Path

import pytest

import distaff

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((SOURCE / "distaff").rglob("*.py"))
}
PACKAGES = [name for name, path in MODULES.items() if path.name == "__init__.py"]

WORDS = {
    r"pictur\w*": "image",
    r"teach(es|ing)?|taught": "teacher forcing",
    "patience": "early stopping",
    "lanes?": "process",
    "relay(s|ed)?": "logging",
    "boards?": "history",
    "trainees?": "model",
    "replicas?": "a run for each seed",
    "(?<!beta-)sweeps?": "traversal",
    "walks?": "path",
    "painters?": "canvas",
    "independent (reader|classifier)": "reference classifier",
    "idle": "unused",
    "surety": "probability",
    "dear at first": "large at first",
}
"""Words of our own that the field does not use, each with the one that it does."""
OLD_NAMES = re.compile(r'"(teach|patience|pictures_every|replicas)": ')
"""Earlier names of fields, which a recipe that still has them is told of."""


def test_imports_run_downwards_only():
    # In a process of its own: it sets up logging, and so silences distaff's for every test that follows.
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def imports(path):
    """Yield each module that a file imports, absolute."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def test_nobody_imports_a_private_module_of_another_package():
    found = []
    for name, path in MODULES.items():
        for wanted, line in imports(path):
            if wanted not in MODULES:
                continue
            parts = wanted.split(".")
            for before, part in pairwise(range(len(parts))):
                if parts[part].startswith("_") and not parts[part].startswith("__"):
                    owner = ".".join(parts[: before + 1])
                    if not f"{name}.".startswith(f"{owner}."):
                        found.append(f"{path}:{line}: {wanted}")
    assert not found


@pytest.mark.parametrize("name", PACKAGES)
def test_no_module_is_shadowed(name):
    package = importlib.import_module(name)
    inside = [each.name for each in pkgutil.iter_modules(package.__path__)]
    names = vars(package).keys() | set(getattr(package, "__all__", ()))
    shadowed = [each for each in names & set(inside) if not inspect.ismodule(getattr(package, each))]
    assert not shadowed


def test_no_function_has_the_name_of_its_module():
    found = [
        f"{path}:{node.lineno}"
        for name, path in MODULES.items()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and node.name == name.rpartition(".")[2]
        and not node.name.startswith("_")
    ]
    assert not found


def test_the_house_has_few_rooms():
    assert len(MODULES) <= 160


def test_training_reads_in_one_sitting():
    texts = [path.read_text(encoding="utf-8") for name, path in MODULES.items() if ".training." in f"{name}."]
    assert sum(len(text.splitlines()) for text in texts) <= 1500


def test_the_top_shows_what_it_has():
    assert dir(distaff) == sorted(distaff.__all__)
    for name in distaff.__all__:
        assert getattr(distaff, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = distaff.nothing


@pytest.mark.parametrize("name", PACKAGES)
def test_every_listed_name_is_there(name):
    package = importlib.import_module(name)
    names = list(getattr(package, "__all__", []))
    assert len(set(names)) == len(names)
    assert all(hasattr(package, each) for each in names)


@pytest.mark.parametrize("part", ["losses.KL", "latents.Gaussian", "networks.Conv", "schedules.Linear"])
def test_help_begins_with_a_signature_that_can_be_read(part):
    room, name = part.split(".")
    signature = str(inspect.signature(getattr(getattr(distaff, room), name)))
    assert not re.search(r" at 0x|FieldInfo|Validator|Serializer|Undefined|Annotated", signature)
    said = io.StringIO()
    with redirect_stdout(said):
        help(getattr(getattr(distaff, room), name))
    assert f"\n |  {name}{signature}\n |" in said.getvalue()[:2000]


def texts():
    """Yield every text that a user or a developer reads, by its path."""
    for folder, suffixes in ((SOURCE, {".py", ".yaml"}), (ROOT / "docs", {".md"})):
        for path in sorted(folder.rglob("*")):
            if path.suffix in suffixes:
                yield path, path.read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md"):
        yield ROOT / name, (ROOT / name).read_text(encoding="utf-8")


LINK = re.compile(r"\]\([^)]*\)")
"""Where a link leads: a file's name is no sentence."""


def test_nothing_lies_beside_the_repository():
    assert not [path for path, text in texts() if "../shared" in text]


def test_the_words_are_the_fields():
    found = []
    for pattern, better in WORDS.items():
        banned = re.compile(rf"(?<![a-z])({pattern})(?![a-z])", re.IGNORECASE)
        for path, text in texts():
            for number, line in enumerate(text.splitlines(), start=1):
                if match := banned.search(LINK.sub("]", OLD_NAMES.sub("", line))):
                    where = f"{path.relative_to(ROOT)}:{number}"
                    found.append(f"{where}: {match.group()!r}; write {better!r}")
    assert not found, "\n".join(found)
