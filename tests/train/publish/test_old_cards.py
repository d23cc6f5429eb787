"""A card and a record that an earlier version published, before the move into rooms."""

from pathlib import Path

import pytest

from support.publishing import TO, content, done, refused

OLD = Path(__file__).with_name("published-before")


@pytest.fixture
def published(hub):
    """The Hub, with what the earlier version left there."""
    hub.repo(TO, files={path.name: path.read_bytes() for path in OLD.iterdir()} | {
        "model.safetensors": b"weights of before"})
    return hub


def test_an_old_card_as_it_was_generated_is_replaced_without_a_question(run, published, trusting):
    result = done(run, published)
    assert result["changed"] and result["verified"]
    assert content(published)["README.md"][0] != (OLD / "README.md").read_bytes()
    assert len(published.repos["model", TO].commits) == 2


def test_an_old_card_that_was_edited_is_asked_about_and_can_be_kept(run, published, trusting):
    edited = (OLD / "README.md").read_text("utf-8") + "\nAsk Jo about winter tyres.\n"
    published.put(TO, {"README.md": edited.encode()})
    assert "was edited on the Hub" in str(refused(run, published))
    assert "Ask Jo" in refused(run, published, on_edited="merge").diff
    done(run, published, on_edited="keep")
    assert content(published)["README.md"][0].decode() == edited
