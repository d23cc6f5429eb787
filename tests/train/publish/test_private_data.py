"""Data that somebody brought is private on the Hub unless they say otherwise."""

import json

import pytest

from support.fake_hub.state import ME
from support.publishing import QUICK, TO, content, done
from support.runs.finished import questions
from train.publish.bundle import card_text
from train.report.card_metadata import CardEdits

SHOWN = 40
"""Characters of a text that tell it from any other."""


def texts_of(corpus):
    return [text[:SHOWN] for text in (
        *(passage.text for passage in corpus.passages),
        *(passage.title for passage in corpus.passages),
        *(query.text for query in corpus.queries.values()))]


def leaked(hub):
    """Texts of the data in anything that was sent: bodies of requests and what is stored."""
    sent = b"\n".join([*hub.bodies, *hub.store.values(), *(
        data for repo in hub.repos.values() for commit in repo.commits
        for path, (data, _) in commit.files.items() if not path.startswith("tokenizer"))])
    found = []
    for text in texts_of(questions()):
        written = json.dumps(text)[1:-1].encode()
        found += [text] if text.encode() in sent or written in sent else []
    return found


def by_the_command(run, hub, monkeypatch):
    from train.__main__ import main

    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_TOKEN", ME)
    assert main(["publish", str(run.folder), "--to", TO]) == 0


def publishing_of(hub, tmp_path):
    from functools import partial

    from hub.client import Hub
    from support.services import services_in
    from ui.services.publishing import Publishing

    services = services_in(tmp_path / "home")
    return Publishing(services, lambda token, **options: Hub(
        token, hub.endpoint, QUICK, **options)), partial(wait_for)


def wait_for(publishing, run):
    from support.runs.job_play import wait_until

    wait_until(lambda: not publishing.of(run.id).active, what=lambda: publishing.of(run.id))
    assert publishing.of(run.id).kind == "done", publishing.of(run.id)


def by_the_panel(run, hub, tmp_path, hide=True):
    from train.publish.publish import PublishRequest
    from ui.tabs.publish import card_edits

    publishing, wait = publishing_of(hub, tmp_path)
    publishing.start(run, PublishRequest(TO), ME, card_edits(None, None, "", "", hide))
    wait(publishing, run)


def by_the_endpoint(run, hub, tmp_path):
    from train.publish.publish import PublishRequest
    from ui.tabs.publish import card_edits, published

    publishing, _ = publishing_of(hub, tmp_path)
    published(publishing, run, PublishRequest(TO), ME, card_edits("", "", "", "", None))


def when_it_is_done(run, hub, tmp_path):
    """As "Publish it when it is done" and `/start publish_to` have it."""
    from train.publish.publish import PublishRequest

    publishing, wait = publishing_of(hub, tmp_path)
    publishing.when_done(run, PublishRequest(TO), ME)
    wait(publishing, run)


@pytest.mark.parametrize("way", ["done", "command", "panel", "endpoint", "when done"])
def test_no_text_of_brought_data_is_sent_whichever_way_it_is_published(
        run, hub, trusting, monkeypatch, tmp_path, way):
    if way == "done":
        done(run, hub)
    elif way == "command":
        by_the_command(run, hub, monkeypatch)
    else:
        {"panel": by_the_panel, "endpoint": by_the_endpoint,
         "when done": when_it_is_done}[way](run, hub, tmp_path)
    assert len(hub.repos["model", TO].commits) == 2
    assert leaked(hub) == []
    assert "no text of it is shown" in hub.repos["model", TO].text("README.md")


def test_texts_are_shown_when_somebody_says_so(run, hub, trusting, tmp_path):
    by_the_panel(run, hub, tmp_path, hide=False)
    assert leaked(hub)
    assert run.record().data.samples[0].anchor in hub.repos["model", TO].text("README.md")


def test_the_command_shows_texts_when_told_to(run, hub, trusting, monkeypatch):
    from train.__main__ import main

    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_TOKEN", ME)
    assert main(["publish", str(run.folder), "--to", TO, "--public-data"]) == 0
    assert leaked(hub)


def test_the_built_in_corpus_is_public(run, hub, trusting):
    run.update(data=run.record().data.changed(source="porsche"))
    done(run, hub)
    assert leaked(hub)


def test_data_of_ones_own_that_is_called_as_the_built_in_one_is_private_too(run, hub, trusting):
    run.update(data=run.record().data.changed(source="/srv/somewhere/porsche"))
    done(run, hub)
    assert leaked(hub) == []


def test_what_is_previewed_is_what_is_sent_and_ones_own_words_lose_nothing(run, hub, trusting):
    edits = CardEdits(title="Bank / FAQ helper", description="Ask desk@bank.example, or see "
                      "[the notes](./docs/notes.md) on 10.0.0.1.")
    run.update(data=run.record().data.changed(name="faq / north"))
    preview = card_text(run.record().changed(card=edits.as_record()), TO)
    done(run, hub, edits=edits)
    card = content(hub)["README.md"][0].decode()
    assert card == preview
    for words in (edits.title, edits.description, "faq / north"):
        assert words in card
