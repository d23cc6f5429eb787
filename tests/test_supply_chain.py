"""What is installed, and what no code of ours may do."""

import ast
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

HOUSE = Path(__file__).resolve().parents[1]
LOCK = (HOUSE / "requirements.lock").read_text("utf-8")
CODE = [HOUSE / "app.py", *(path for room in ("hub", "corpus", "retrieval", "train", "ui", "bench")
                            for path in sorted((HOUSE / room).rglob("*.py")))]
RUNS_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
"""Modules that run what they read."""


def locked():
    """Name -> version, of each line of the lock that is no hash."""
    lines = [line.rstrip("\\ ") for line in LOCK.splitlines()
             if line and not line.startswith((" ", "#"))]
    return {Requirement(line).name.lower(): Requirement(line) for line in lines}


def test_the_lock_pins_all_that_requirements_txt_names_as_it_names_it():
    wanted = [Requirement(line.partition("#")[0].strip()) for line in
              (HOUSE / "requirements.txt").read_text("utf-8").splitlines()
              if line and not line.startswith("#")]
    for named in wanted:
        (version,) = locked()[named.name.lower()].specifier
        assert version.operator == "==" and named.specifier.contains(version.version), named


def test_every_line_of_the_lock_has_a_hash_and_none_names_a_registry():
    blocks = re.split(r"\n(?=\S)", LOCK.strip())
    assert len(blocks) >= len(locked()) > 80  # one has a version for each Python
    for block in blocks:
        name, *hashes = block.replace("\\", "").split("\n")
        assert hashes, name
        assert all(re.fullmatch(r"\s+--hash=sha256:[0-9a-f]{64}\s*", line) for line in hashes), name
    assert not re.search(r"https?:|--(extra-)?index-url|--find-links|file:|@ ", LOCK)


def test_make_demo_installs_by_hash_and_the_space_by_name():
    recipe = (HOUSE / "Makefile").read_text("utf-8").partition("$(VENV)/.demo: ")[2]
    recipe = recipe.partition("touch $@")[0]
    assert recipe.startswith("requirements.lock") and "requirements.txt" not in recipe
    assert recipe.count("--require-hashes -r") == recipe.count("$(PIP)") == 3
    from train.publish.space import NEEDED

    assert "requirements.txt" in NEEDED


def uses(path):
    """What a file's code does that runs other code: (line, what)."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names
                        if alias.name.partition(".")[0] in RUNS_CODE)
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").partition(".")[0] in RUNS_CODE:
                yield node.lineno, node.module
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, said) for said in called(node))


def called(node):
    name = ast.unparse(node.func)
    given = {word.arg: ast.unparse(word.value) for word in node.keywords}
    if name in ("eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load",
                "yaml.unsafe_load", "yaml.full_load", "pandas.read_pickle"):
        yield name
    if given.get("shell", "False") != "False":
        yield "shell=True"
    if given.get("trust_remote_code", "False") != "False":
        yield "trust_remote_code"
    if given.get("allow_pickle", "False") != "False":
        yield "allow_pickle"
    if name.endswith("np.load") and given.get("allow_pickle") != "False":
        yield "np.load without allow_pickle=False"
    if name == "torch.load" and given.get("weights_only") != "True":
        yield "torch.load without weights_only=True"


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test_no_code_of_ours_runs_what_it_reads(path):
    assert list(uses(path)) == []


@pytest.mark.parametrize("code", [
    "import pickle", "from pickle import loads", "import joblib as j", "eval('1')", "exec(text)",
    "os.system('ls')", "yaml.load(text)", "subprocess.run('ls', shell=True)",
    "load(name, trust_remote_code=True)", "load(name, trust_remote_code=asked)",
    "np.load(path)", "np.load(path, allow_pickle=True)", "torch.load(path)",
    "torch.load(path, weights_only=False)"])
def test_each_of_these_would_be_found(tmp_path, code):
    (tmp_path / "a.py").write_text(code)
    assert len(list(uses(tmp_path / "a.py"))) >= 1




def test_each_test_that_the_security_page_names_is_there():
    rows = [line.split("|") for line in (HOUSE / "SECURITY.md").read_text("utf-8").splitlines()
            if line.startswith("| ") and "---" not in line][1:]
    known = {name for path in (HOUSE / "tests").rglob("test_*.py")
             for name in re.findall(r"^def (test_\w+)\(", path.read_text("utf-8"), re.M)}
    assert len(rows) > 25
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row[5])
        assert len(row) == 7 and named, row[1]
        assert set(named) <= known, set(named) - known
