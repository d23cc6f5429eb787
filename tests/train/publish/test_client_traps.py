"""The traps of huggingface_hub, by their numbers."""

import json
import logging

import pytest

from hub.client import Hub
from hub.errors import HubError
from support.fake_hub.state import ME
from support.publishing import (
    COMMIT,
    TO,
    UPLOAD,
    content,
    done,
    nothing_published,
    refused,
)
from train.report.card_metadata import CardEdits


def test_trap_1_no_token_is_nobody_and_never_this_machines(run, hub, trusting, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_theOwnersToken0000")
    for nothing in (None, "", "  ", False):
        with pytest.raises(HubError, match="Nobody is signed in"):
            Hub(nothing, hub.endpoint)
    done(run, hub)
    assert {bearer for _, bearer in hub.asked} <= {ME, ""}
    assert {request.split("?")[0].split("/")[1] for request, bearer in hub.asked
            if not bearer} <= {"_lfs"}


def test_trap_2_creating_and_private_are_not_taken_at_their_word(run, hub):
    hub.before["POST /api/repos/create"] = lambda: hub.repo(TO, private=False)
    error = refused(run, hub)  # it was made meanwhile, and is public
    assert error.kind == "public" and nothing_published(hub)


def test_trap_3_everything_is_one_commit_on_the_head_that_was_seen(run, hub, trusting):
    seen = []
    hub.before[COMMIT] = lambda: seen.append(hub.repos["model", TO].head.oid)
    done(run, hub)
    assert hub.count(COMMIT) == 1 and len(seen) == 1


def test_trap_4_no_error_log_or_file_has_the_token(run, hub, caplog, monkeypatch, tmp_path):
    from huggingface_hub import constants
    from huggingface_hub.utils import logging as hub_logging

    stored = tmp_path / "token"
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(stored))
    monkeypatch.setattr(constants, "HF_DEBUG", True)
    caplog.set_level(logging.DEBUG)
    logger = hub_logging.get_logger("huggingface_hub")
    level, spread = logger.level, logger.propagate
    logger.setLevel(logging.DEBUG)
    logger.propagate = True
    said = json.dumps({"error": f"bad token {ME}"}).encode()
    hub.fail(COMMIT, times=99, status=403, body=said)
    try:
        error = refused(run, hub)
    finally:
        logger.setLevel(level)
        logger.propagate = spread
    assert "bad token (token)" in str(error)
    assert caplog.text and ME not in caplog.text and not stored.exists()


def test_trap_5_the_saved_folder_is_published_and_stays_as_it_is(run, hub, trusting):
    before = {p: p.read_bytes() for p in run.model.rglob("*") if p.is_file()}
    done(run, hub)
    done(run, hub, edits=CardEdits(title="Again"))
    assert {p: p.read_bytes() for p in run.model.rglob("*") if p.is_file()} == before
    assert content(hub)["tokenizer.json"][0] == before[run.model / "tokenizer.json"]


def test_trap_6_licence_and_relation_are_on_the_card_and_a_path_is_no_base(run, hub, trusting):
    done(run, hub)
    card = hub.repos["model", TO].text("README.md")
    assert "license: apache-2.0" in card and "base_model_relation: finetune" in card
    assert hub.count("POST /api/validate-yaml") > 0
    assert all(bearer == ME for request, bearer in hub.asked if "validate" in request)


def test_trap_7_weights_go_over_http_though_xet_is_installed(run, hub, trusting):
    from huggingface_hub.utils._runtime import is_xet_available

    done(run, hub)
    assert is_xet_available() and hub.count(UPLOAD) == 1
    assert not hub.count("xet")


def test_trap_8_a_sign_in_that_ended_in_the_middle_says_to_sign_in_again(run, hub):
    hub.before[COMMIT] = lambda: hub.tokens.clear()
    error = refused(run, hub)
    assert "Sign in again" in str(error) and nothing_published(hub)
