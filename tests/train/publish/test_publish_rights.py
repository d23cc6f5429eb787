"""Who may publish where, asked before anything is sent."""


import pytest

from hub.account import account_of
from hub.client import Hub
from support.fake_hub.state import ME, MINE
from support.publishing import QUICK, TO, UPLOAD, content, done, nothing_published, refused
from train.publish.errors import PublishError
from train.publish.permissions import check_may_write


def test_somebody_elses_repository_is_refused_but_takes_a_pull_request(run, hub, trusting):
    hub.repo("you/model", "you", private=False)
    error = refused(run, hub, to="you/model")
    assert error.kind == "forbidden" and error.published is False
    assert "may write in me, team" in str(error)
    assert nothing_published(hub, "you/model") and not hub.count("POST /api/repos/create")
    assert done(run, hub, to="you/model", pull_request=True)["pull_request"]


def test_one_in_a_namespace_of_mine_that_i_may_not_write_to_is_refused(run, hub):
    hub.repo("team/model", "somebody", private=False)
    error = refused(run, hub, to="team/model", private=False)
    assert "may not write to it" in str(error) and nothing_published(hub, "team/model")


def test_a_public_repository_is_refused_when_a_private_one_was_asked_for(run, hub, trusting):
    hub.repo(TO, private=False)
    error = refused(run, hub)
    assert error.kind == "public" and nothing_published(hub)
    assert done(run, hub, private=False)["verified"]
    assert run.record().published[0].private is False


def test_a_repository_that_holds_something_else_is_not_published_over_unasked(run, hub, trusting):
    hub.repo(TO, files={"model.safetensors": b"theirs", "vocab.txt": b"a"})
    error = refused(run, hub)
    assert error.kind == "other_content" and "model.safetensors, vocab.txt" in str(error)
    assert nothing_published(hub)
    done(run, hub, over=True)
    assert content(hub)["vocab.txt"][0] == b"a"
    assert content(hub)["model.safetensors"][0] == (run.model / "model.safetensors").read_bytes()


def test_another_model_of_ones_own_is_not_published_over_unasked(run, hub, trusting):
    done(run, hub)
    run.update(data=run.record().data.changed(name="bank_faq"), published=[])
    error = refused(run, hub)
    assert error.kind == "other_content" and "base fine-tuned on car_parts" in str(error)
    assert len(hub.repos["model", TO].commits) == 2
    assert done(run, hub, over=True)["changed"]


def test_a_record_there_that_is_damaged_is_somebody_elses(run, hub, trusting):
    for text in (b"{", b"[]", b'{"schema": 1, "files": [], "base_model": 1, "data": 2}'):
        hub.repo(TO, files={"run.json": text, "README.md": b"---\nlicense: mit\n---\n"})
        assert refused(run, hub).kind == "other_content"


@pytest.mark.parametrize("token, said", [
    ({"role": "read"}, "may only read"),
    ({"role": "fineGrained", "fineGrained": {"scoped": [
        {"entity": {"name": "other", "type": "org"}, "permissions": ["repo.write"]},
        {"entity": {"name": MINE, "type": "user"}, "permissions": ["repo.content.read"]}]}},
     "may not write in me"),
])
def test_a_token_that_may_not_write_is_refused_before_anything_is_made(run, hub, token, said):
    hub.tokens[ME]["auth"]["accessToken"] = token
    error = refused(run, hub)
    assert said in str(error) and error.kind == "forbidden"
    assert not hub.repos and not hub.uploads


@pytest.mark.parametrize("entity", [{"name": MINE, "type": "user"}, {"name": TO, "type": "model"}])
def test_a_fine_grained_token_publishes_where_it_may(run, hub, trusting, entity):
    hub.repo(TO)
    hub.tokens[ME]["auth"]["accessToken"] = {"role": "fineGrained", "fineGrained": {"scoped": [
        {"entity": entity, "permissions": ["repo.content.read", "repo.write"]}]}}
    assert done(run, hub)["verified"]


def test_an_expired_or_revoked_token_says_to_sign_in_again(run, hub):
    del hub.tokens[ME]
    error = refused(run, hub)
    assert error.kind == "unauthorized" and "Sign in again" in str(error)


def test_a_token_revoked_in_the_middle_publishes_nothing(run, hub):
    hub.before[UPLOAD] = lambda: hub.tokens.clear()
    error = refused(run, hub)
    assert error.kind == "unauthorized" and nothing_published(hub)


def test_an_oauth_token_publishes_for_its_user_and_the_organisations_it_was_given(
        run, hub, trusting):
    hub.tokens[ME] = {"name": MINE, "orgs": [{"name": "team"}],
                      "auth": {"type": "oauth", "expiresAt": "2026-01-02T03:04:05Z"}} | {}
    hub.tokens[ME]["orgs"][0]["roleInOrg"] = "write"
    assert account_of(Hub(ME, hub.endpoint, QUICK)).namespaces == (MINE, "team")
    assert done(run, hub, to="team/model")["verified"]


def test_the_namespaces_are_where_one_may_write_ones_own_first(hub):
    assert account_of(Hub(ME, hub.endpoint, QUICK)).namespaces == (MINE, "team")


def test_the_right_to_write_is_known_before_a_run_and_makes_nothing(hub):
    assert not check_may_write(Hub(ME, hub.endpoint, QUICK), TO).exists
    with pytest.raises(PublishError, match="may not write in you"):
        check_may_write(Hub(ME, hub.endpoint, QUICK), "you/model")
    assert not hub.repos and not hub.count("^(POST|PUT)")
