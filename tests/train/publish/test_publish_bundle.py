"""What is sent of a run, and what is not."""

import json

import pytest

from support.publishing import (
    TO,
    content,
    done,
    refused,
)
from train.publish.publish import PublishRequest, write_dry
from train.report.card_metadata import CardEdits


def test_nothing_of_this_machine_or_its_visitors_is_published(run, hub, trusting):
    run.update(error="it failed in /srv/uploads/visitor/x.py", process={"pid": 1}, owner="visitor",
               data=run.record().data.changed(source="/srv/uploads/visitor/car_parts.jsonl"),
               engine={"name": "local", "place": "/srv/visitor/x", "mail": "visitor@example.org",
                       "from": "10.11.12.13", "secret": "hf_someOtherToken123"})
    done(run, hub)
    for path, (data, large) in content(hub).items():
        if not large:
            for word in (b"/srv", b"visitor", b"10.11.12", b"hf_some"):
                assert word not in data, (path, word)
    assert json.loads(content(hub)["run.json"][0])["data"]["source"] == "car_parts.jsonl"


def test_the_texts_of_private_data_are_not_published(run, hub, trusting):
    done(run, hub, edits=CardEdits(private_data=True))
    for name in ("README.md", "run.json"):
        assert b"How heavy is" not in content(hub)[name][0]
    assert run.record().data.samples


def test_the_figures_are_published_as_a_table(run, hub, trusting):
    done(run, hub)
    lines = content(hub)["metrics.csv"][0].decode().splitlines()
    test = run.record().to_json()["metrics"]["test"]
    row = next(line for line in lines if line.startswith("test,ndcg@10,")).split(",")
    assert [float(value) for value in row[2:5]] == [
        test["base"]["ndcg@10"], test["tuned"]["ndcg@10"], test["difference"]["ndcg@10"]["value"]]
    assert len(lines) == 31


def test_only_what_cannot_run_code_is_sent(run, hub, trusting):
    for name in ("pytorch_model.bin", "custom.py", "state.pt", ".env"):
        (run.model / name).write_text("x")
    done(run, hub)
    assert not {"pytorch_model.bin", "custom.py", "state.pt", ".env"} & set(content(hub))


@pytest.mark.parametrize("change, kind", [
    ({"status": "failed"}, "nothing"), ({"metrics": None}, "nothing")])
def test_a_run_without_a_measured_model_is_not_published(run, hub, change, kind):
    run.update(**change)
    assert refused(run, hub).kind == kind and not hub.repos


def test_a_licence_that_is_not_known_is_asked_for(run, hub, trusting):
    base = run.record().to_json()["base_model"]
    del base["license"]
    run.update(base_model=base)
    error = refused(run, hub)
    assert error.kind == "license" and not hub.repos
    assert done(run, hub, edits=CardEdits(license="mit"))["verified"]
    assert "license: mit" in hub.repos["model", TO].text("README.md")


def test_a_dry_run_writes_what_would_be_sent_and_asks_nobody(run, hub, trusting, tmp_path):
    result = write_dry(run, PublishRequest(TO), tmp_path / "dry")
    assert not hub.asked
    there = {p.relative_to(tmp_path / "dry").as_posix(): p.read_bytes()
             for p in (tmp_path / "dry").rglob("*") if p.is_file()}
    assert {f["path"] for f in result["files"]} == set(there)
    done(run, hub)
    assert {path: data for path, (data, _) in content(hub).items()
            if path != ".gitattributes"} == there
