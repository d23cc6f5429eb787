"""The rules of the house that a machine can check."""

import ast
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

HOUSE = Path(__file__).resolve().parents[1]
ROOMS = ("hub", "corpus", "retrieval", "train", "ui", "app")
"""In the order of their storeys: a room imports from those below it only."""
DOORS = {"corpus/__main__.py": {"retrieval", "train"}}
"""A command line stands at the door, not in the room: the data check's has the base model judged,
which is what retrieval does. What it may import from above, and nothing else of corpus may."""


def files(room):
    return [HOUSE / "app.py"] if room == "app" else sorted((HOUSE / room).rglob("*.py"))


@cache
def parsed(path):
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes(path):
    return list(ast.walk(parsed(path)))


def imported(path):
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room):
    above = set(ROOMS[ROOMS.index(room) + 1 :])
    for path in files(room):
        allowed = DOORS.get(path.relative_to(HOUSE).as_posix(), set())
        assert not (above - allowed) & set(imported(path)), path


def test_nothing_in_a_room_imports_what_stands_at_its_door():
    for path in (path for room in ROOMS for path in files(room)):
        text = path.read_text("utf-8")
        assert "corpus.__main__" not in text, path
        assert path.parent.name != "corpus" or "from .__main__" not in text, path


@cache
def modules():
    """Every module of the product by its dotted name."""
    paths = [path for room in ROOMS for path in files(room)]
    return {dotted(path): path for path in paths}


def dotted(path):
    name = ".".join(path.relative_to(HOUSE).with_suffix("").parts)
    return name.removesuffix(".__init__")


@cache
def arrows():
    """Module -> the modules it imports, wherever in the file that is."""
    known = modules()
    found = {name: set() for name in known}
    for name, path in known.items():
        package = dotted(path.parent / "__init__.py").split(".")
        for node in nodes(path):
            if isinstance(node, ast.Import):
                found[name] |= {alias.name for alias in node.names} & set(known)
            elif isinstance(node, ast.ImportFrom):
                start = package[: len(package) - node.level + 1] if node.level else []
                source = ".".join([*start, *([node.module] if node.module else [])])
                for alias in node.names:
                    inner = f"{source}.{alias.name}"
                    found[name] |= {inner if inner in known else source} & set(known)
        found[name].discard(name)
    return found


def circle(graph):
    """The names of one circle of a graph, or nothing: what is left when leaves are taken away."""
    left = {name: set(others) for name, others in graph.items()}
    while leaves := [name for name, others in left.items() if not others & set(left)]:
        for name in leaves:
            del left[name]
    return sorted(left)


def test_no_files_import_each_other_in_a_circle():
    assert circle(arrows()) == []


@pytest.mark.parametrize("package", ["corpus", "train", "ui", "train.engines", "ui.tabs"])
def test_no_folders_of_a_package_import_each_other_in_a_circle(package):
    inside = {}
    for name, others in arrows().items():
        room = subpackage(package, name)
        if room:
            rooms = {subpackage(package, other) for other in others} - {room, ""}
            inside.setdefault(room, set()).update(rooms)
    assert circle(inside) == []


def subpackage(package, name):
    """The folder of a package that a module stands in; empty outside, and for its own files."""
    path = HOUSE / Path(*package.split("."))
    rest = name.removeprefix(package + ".")
    top = rest.split(".")[0]
    return top if rest != name and (path / top).is_dir() else ""


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_folder_holds_more_than_16_files_of_code():
    folders = {}
    for top in (*ROOMS[:-1], "tests", "bench"):
        for path in (HOUSE / top).rglob("[!_]*.py"):
            folders.setdefault(path.parent, []).append(path.name)
    assert {folder: len(names) for folder, names in folders.items() if len(names) > 16} == {}


def test_no_test_file_has_more_than_500_lines():
    long = {path.name: count for path in (HOUSE / "tests").rglob("*.py")
            if (count := len(path.read_text("utf-8").splitlines())) > 500}
    assert long == {}


def test_every_folder_of_the_product_says_what_it_is_for():
    for room in ROOMS[:-1]:
        for path in (HOUSE / room).rglob("*.py"):
            assert ast.get_docstring(parsed(path.parent / "__init__.py"))


def test_the_architecture_names_what_is_there():
    text = (HOUSE / "docs" / "ARCHITECTURE.md").read_text("utf-8")
    rooms = re.findall(r"^\| `([a-z_/.]+)`", text, re.M)
    places = re.findall(r"`([a-z_]+/[a-z_/]+\.\w+(?:\.j2)?)`(?: `(\w+)`)?", text)
    assert len(rooms) > 15 and len(places) > 20
    for name in [*rooms, *(place for place, _ in places)]:
        assert (HOUSE / name).exists(), name
    for place, name in places:
        assert not name or name in (HOUSE / place).read_text("utf-8"), (place, name)


def first_lines():
    """(where, first line) of every public docstring of the product."""
    for path in (path for room in ROOMS for path in files(room)):
        for node in nodes(path):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                name = getattr(node, "name", "")
                text = ast.get_docstring(node)
                if text and not name.startswith("_"):
                    yield f"{path.relative_to(HOUSE)}:{name}", text.splitlines()[0]


def test_the_first_line_of_a_docstring_has_at_most_ten_words():
    long = {where: line for where, line in first_lines()
            if len(re.findall(r"[^\s→-]+", line)) > 10}
    assert long == {}


@pytest.mark.parametrize("room", ["hub", "corpus", "retrieval", "train"])
def test_only_the_page_imports_gradio(room):
    assert not [path for path in files(room) if "gradio" in imported(path)]


def product_files():
    return [path for room in ROOMS for path in files(room)]


def test_one_place_makes_a_client_of_the_hub():
    sites = [path.relative_to(HOUSE).as_posix() for path in product_files()
             for node in nodes(path)
             if isinstance(node, ast.Call)
             and (getattr(node.func, "id", None) or getattr(node.func, "attr", "")) == "HfApi"]
    assert sites == ["hub/client.py"]


def test_one_class_says_how_far_work_is():
    """Others that say more hold one: none of them counts by itself."""
    classes = [(path.relative_to(HOUSE).as_posix(), node) for path in product_files()
               for node in nodes(path)
               if isinstance(node, ast.ClassDef)]
    counting = [where for where, node in classes
                if {"done", "total"} <= {part.target.id for part in node.body
                                         if isinstance(part, ast.AnnAssign)}]
    assert [where for where, node in classes if node.name == "Progress"] == ["hub/progress.py"]
    assert counting == ["hub/progress.py"]


LOOK_UP = re.compile(r"""\brecord(\(\))?(\[["']|\.get\(["'])""")


def test_a_runs_record_is_read_by_its_fields():
    strange = [f"{path.name}: {line.strip()}" for path in product_files()
               for line in path.read_text("utf-8").splitlines() if LOOK_UP.search(line)]
    assert not strange


def for_types_only(tree):
    return {part for node in ast.walk(tree) if isinstance(node, ast.If)
            and getattr(node.test, "id", "") == "TYPE_CHECKING" for part in ast.walk(node)}


def test_only_the_room_of_the_hub_asks_it_or_looks_for_a_token():
    """Elsewhere its client gives types and files; answers come by `Hub`."""
    asking = re.compile(r"HfApi|HfFileSystem|InferenceClient|get_token|whoami|login|repo_info|"
                        r".*_(?:download|upload|repo)$|upload_|create_|list_|delete_|get_session")
    for path in product_files():
        tree = parsed(path)
        asked = [alias.name for node in set(nodes(path)) - for_types_only(tree)
                 if isinstance(node, ast.ImportFrom) and node.module == "huggingface_hub"
                 for alias in node.names if asking.match(alias.name)]
        assert path.parent == HOUSE / "hub" or not asked, (path, asked)


def test_one_pattern_tells_what_a_hub_token_looks_like():
    marks = re.compile(r"(?:hf|api_org)\)?_.*[\[(\\]|\b(?:hf|api_org)\|")
    found = [path.relative_to(HOUSE).as_posix() for path in product_files()
             for node in nodes(path)
             if isinstance(node, ast.Call) and getattr(node.func, "value", None) is not None
             and getattr(node.func.value, "id", "") == "re"
             for given in node.args[:1]
             if isinstance(given, ast.Constant) and marks.search(str(given.value))]
    assert found == ["hub/tokens.py"]


def test_importing_the_domain_loads_no_torch():
    code = ("import sys;"
            "import corpus.load, corpus.split, retrieval.compare, retrieval.evaluation,"
            " retrieval.bm25, train.recipe, train.run.record, train.fit.fit, train.settings;"
            "sys.exit('torch' in sys.modules or 'sentence_transformers' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def pinned():
    text = (HOUSE / "requirements.txt").read_text("utf-8")
    return dict(re.findall(r"^([\w-]+)(?:\[\w+\])?(==[\w.]+|>=\S+)\s+#", text, re.M))


def test_every_dependency_is_pinned_and_justified():
    lines = [line for line in (HOUSE / "requirements.txt").read_text("utf-8").splitlines()
             if line and not line.startswith("#")]
    assert len(pinned()) == len(lines)
    assert pinned()["torch"] == ">=2.11,<=2.13.0"


def front_matter():
    text = (HOUSE / "README.md").read_text("utf-8")
    return yaml.safe_load(text.split("---")[1])


def test_the_front_matter_is_what_a_space_needs():
    space = front_matter()
    assert space["sdk"] == "gradio"
    assert f"=={space['sdk_version']}" == pinned()["gradio"]
    assert (HOUSE / space["app_file"]).is_file()
    assert space["python_version"] in ("3.12", "3.12.12")  # what ZeroGPU has and we admit
    assert space["license"] == "apache-2.0"
    assert space["hf_oauth"] is True
    assert space["hf_oauth_scopes"] == [
        "contribute-repos", "jobs", "read-billing"]  # to publish, to train, to tell ZeroGPU quota
    assert space["models"] == ["sentence-transformers/all-MiniLM-L6-v2"]
    assert 0 < len(space["short_description"]) <= 60
    assert len(space["title"]) > 0 and space["emoji"]
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {space["colorFrom"], space["colorTo"]} <= colours


def test_the_front_matter_is_read_by_the_hubs_own_client():
    from huggingface_hub import SpaceCard

    card = SpaceCard.load(HOUSE / "README.md")
    assert card.data.to_dict()["sdk"] == "gradio"


def test_the_readme_shows_a_picture_first_and_the_two_commands():
    body = (HOUSE / "README.md").read_text("utf-8").split("---", 2)[2]
    picture = re.search(r"!\[[^\]]+\]\(([^)]+)\)", body)
    assert picture and (HOUSE / picture.group(1)).is_file()
    assert picture.start() < body.index("make demo") < body.index("make test")


def test_no_host_of_a_registry_and_no_path_of_a_machine_is_committed():
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=HOUSE, capture_output=True, text=True)
    if tracked.returncode:
        names = [str(p.relative_to(HOUSE)) for room in ROOMS for p in files(room)]
    else:
        names = tracked.stdout.rstrip("\0").split("\0")
    machine = re.compile(r"(?<![\w.])/(?:work|root|home)/\w+|pypi\.org|files\.pythonhosted")
    for name in names:
        path = HOUSE / name
        if path.suffix in (".py", ".md", ".toml", ".txt", "") and path.is_file():
            text = path.read_text("utf-8", "ignore")
            assert path == Path(__file__).resolve() or not machine.search(text), name


def test_the_licence_is_apache():
    assert "Apache License" in (HOUSE / "LICENSE").read_text("utf-8")


@pytest.mark.slow
def test_a_taken_port_and_a_bad_setting_are_said_in_a_sentence():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for env, said, status in (({"PORT": port}, f"port {port} is taken", 1),
                                  ({"PORT": "x"}, "PORT must be a number", 2)):
            done = subprocess.run([sys.executable, "app.py"], cwd=HOUSE, env=os.environ | env,
                                  capture_output=True, text=True, timeout=120)
            assert done.returncode == status
            assert said in done.stderr
            assert "Traceback" not in done.stderr
