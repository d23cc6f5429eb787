"""`make space`: this app to a Space on a Hub on loopback."""

import re
import subprocess

import pytest

from hub.client import Hub, Patience
from hub.progress import drained
from support.fake_hub.state import ME
from support.services import ROOT
from train.publish.errors import PublishError
from train.publish.space import main, needed_files, publish_space

QUICK = Patience(silence=5, tries=2, pause=0.01, longest_wait=2)
TO = "me/tandem"


@pytest.fixture
def services(tmp_path):
    """A house of few files, not in git."""
    for name in ("app.py", "README.md", "requirements.txt", "train/recipe.py", "ui/page.py",
                 "tests/test_x.py", "train/__pycache__/recipe.pyc", ".venv/x", "ui/.hidden/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "README.md").write_text("---\nsdk: gradio\n---\n# Tandem\n")
    return tmp_path


def sent(hub, services, **options):
    return drained(publish_space(TO, Hub(ME, hub.endpoint, QUICK), root=services, **options))


def test_only_what_the_app_needs_is_sent():
    names = needed_files()
    assert {"ui/static/tandem.css", "ui/static/tandem.js",
            "ui/static/sample-pairs.jsonl"} <= set(names)
    assert {"app.py", "requirements.txt", "README.md", "corpus/porsche/corpus.jsonl",
            "train/__main__.py", "ui/page.py"} <= set(names)
    assert {name.split("/")[0] for name in names} == {
        "app.py", "requirements.txt", "README.md", "LICENSE", "docs", "hub", "corpus",
        "retrieval", "train", "ui"}
    assert not [name for name in names if "__pycache__" in name]


def test_templates_and_style_sheets_are_sent():
    report = {path.relative_to(ROOT).as_posix() for ending in ("j2", "css")
              for path in (ROOT / "train").rglob(f"*.{ending}")}
    assert {"train/report/report.html.j2", "train/report/style.css"} <= report
    assert report <= set(needed_files())


def test_every_picture_of_the_readme_is_among_what_is_sent():
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert pictures and set(pictures) <= set(needed_files())


def test_outside_git_hidden_and_compiled_files_stay_here(services):
    assert needed_files(services) == ["README.md", "app.py", "requirements.txt", "train/recipe.py",
                                   "ui/page.py"]


def test_a_new_space_is_private_gradio_one_commit_and_free_hardware(hub, services):
    result = sent(hub, services)
    repo = hub.repos["space", TO]
    assert repo.private and repo.sdk == "gradio" and repo.hardware == "zero-a10g"
    assert len(repo.commits) == 2 and repo.head.oid == result["revision"]
    assert set(repo.head.files) == {".gitattributes", *needed_files(services)}
    assert result["url"] == f"{hub.endpoint}/spaces/{TO}" and result["new"]


def test_an_update_sends_what_changed_and_removes_what_is_gone(hub, services):
    sent(hub, services)
    (services / "ui" / "page.py").rename(services / "ui" / "pages.py")
    hub.repos["space", TO].commit("notes", {"NOTES.md": (b"mine", False)})
    result = sent(hub, services)
    assert result["changed"] == ["ui/pages.py"] and result["deleted"] == ["ui/page.py"]
    files = hub.repos["space", TO].head.files
    assert "ui/page.py" not in files and "NOTES.md" in files and not result["new"]
    assert len(hub.repos["space", TO].commits) == 4
    assert sent(hub, services)["changed"] == [] and len(hub.repos["space", TO].commits) == 4


def test_a_space_that_holds_something_else_is_left_alone(hub, services):
    hub.repo(TO, kind="space", files={"app.py": b"theirs"})
    with pytest.raises(PublishError, match="holds something else"):
        sent(hub, services)
    assert len(hub.repos["space", TO].commits) == 1
    assert sent(hub, services, over=True)["changed"]


def test_a_namespace_of_somebody_else_is_refused(hub, services):
    with pytest.raises(PublishError, match="may not write in you"):
        drained(publish_space("you/tandem", Hub(ME, hub.endpoint, QUICK), root=services))
    assert not hub.repos


def test_the_dry_run_lists_the_files_and_asks_nobody(capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: pytest.fail("no token is needed"))
    assert main(["--repo", TO, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == needed_files()


def test_the_command_prints_the_address(hub, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: ME)
    assert main(["--repo", TO]) == 0
    assert capsys.readouterr().out.strip() == f"{hub.endpoint}/spaces/{TO}"
    assert hub.repos["space", TO].head.files["app.py"][0] == (ROOT / "app.py").read_bytes()


def test_the_command_without_a_token_fails_with_a_sentence(monkeypatch, caplog):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    assert main(["--repo", TO]) == 1
    assert "Nobody is signed in" in caplog.text


def test_make_space_says_what_it_needs():
    done = subprocess.run(["make", "-n", "space", f"REPO={TO}", "DRY_RUN=1"], cwd=ROOT,
                          capture_output=True, text=True)
    assert f'train.publish.space --repo "{TO}"' in done.stdout and "--dry-run" in done.stdout
    assert "--hardware" not in done.stdout and "--public" not in done.stdout
