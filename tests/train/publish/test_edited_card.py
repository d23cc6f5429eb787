"""A card that somebody edited on the Hub is not overwritten unasked."""

import pickle

import pytest

from support.publishing import TO, done, steps_of
from train.publish.remote import EditedCardError
from train.report.card_metadata import CardEdits


def edit_there(hub, change):
    repo = hub.repos["model", TO]
    repo.commit("edit", {"README.md": (change(repo.text("README.md")).encode(), False)})


def test_a_card_edited_on_the_hub_is_shown_as_a_difference_and_not_overwritten(run, hub, trusting):
    done(run, hub)
    edit_there(hub, lambda text: text + "\n## Contact\n\nAsk the parts desk.\n")
    with pytest.raises(EditedCardError) as caught:
        steps_of(run, hub)
    assert "-Ask the parts desk." in caught.value.diff
    assert pickle.loads(pickle.dumps(caught.value)).diff == caught.value.diff
    assert "parts desk" in hub.repos["model", TO].text("README.md")


@pytest.mark.parametrize("on_edited, kept, titled", [
    ("keep", True, False), ("replace", False, True), ("merge", True, True)])
def test_an_edited_card_is_kept_replaced_or_merged_as_somebody_says(
        run, hub, trusting, on_edited, kept, titled):
    done(run, hub)
    edit_there(hub, lambda text: text + "\n## Contact\n\nAsk the parts desk.\n")
    result = done(run, hub, on_edited=on_edited, edits=CardEdits(title="New title"))
    card = hub.repos["model", TO].text("README.md")
    assert ("Ask the parts desk." in card) is kept and ("# New title\n" in card) is titled
    assert result["verified"]
    if on_edited != "keep":  # the same again is no change, whatever became of the card
        assert done(run, hub)["changed"] is False


def test_changes_to_the_same_lines_are_not_merged_but_shown(run, hub, trusting):
    done(run, hub)
    edit_there(hub, lambda text: text.replace("# base fine-tuned on", "# My own title on"))
    with pytest.raises(EditedCardError, match="cannot be put together"):
        steps_of(run, hub, on_edited="merge", edits=CardEdits(title="New title"))


def test_a_card_that_nobody_edited_is_replaced_without_asking(run, hub, trusting):
    done(run, hub)
    hub.repos["model", TO].commit("other", {"notes.md": (b"x", False)})
    assert done(run, hub, edits=CardEdits(title="New title"))["changed"]
