"""A new Space: its hardware, what it is made with, and that nothing is asked for afterwards."""

import json

import pytest

from hub.client import Hub, Patience
from hub.progress import drained
from support.fake_hub.spaces import NO_PLAN, OAUTH
from support.fake_hub.state import ME
from train.publish.errors import PublishError
from train.publish.space import SpaceSetup, main, publish_space

QUICK = Patience(silence=5, tries=2, pause=0.01, longest_wait=2)
TO = "me/tandem"
AFTERWARDS = r"POST /api/spaces/\S+/(hardware|secrets|variables|restart|sleeptime|volumes)"


@pytest.fixture
def root(tmp_path):
    """A house of few files, not in git."""
    for name in ("app.py", "README.md", "train/recipe.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "README.md").write_text("---\nsdk: gradio\nemoji: 🚲\n---\n# Tandem\n")
    return tmp_path


@pytest.fixture
def hub(hub):
    """The account is that of `hf auth login`, on the free plan."""
    hub.tokens[ME]["auth"] = OAUTH
    return hub


def sent(hub, root, private=True, said=None, **setup):
    return drained(publish_space(TO, Hub(ME, hub.endpoint, QUICK), root=root, private=private,
                                 setup=SpaceSetup(**setup)),
                   lambda step: said.append(step.text) if said is not None else None)


def test_a_free_account_gets_a_space_on_zerogpu_named_as_it_is_made(hub, root):
    assert sent(hub, root)["hardware"] == "zero-a10g"
    made = hub.repos["space", TO].made_with
    assert made["hardware"] == "zero-a10g" and made["sdk"] == "gradio"
    assert not hub.count(AFTERWARDS)


def test_what_costs_falls_back_to_what_is_free_with_the_hubs_reason_and_the_price(hub, root):
    said = []
    assert sent(hub, root, said=said, hardware="t4-small")["hardware"] == "zero-a10g"
    [told] = [text for text in said if text]
    assert "prepaid credits to run a Space on t4-small" in told and "402" in told
    assert "t4-small costs $0.40 an hour" in told and "on zero-a10g instead" in told
    assert "Nothing was published" not in told
    assert hub.repos["space", TO].hardware == "zero-a10g" and not hub.count(AFTERWARDS)


def test_cpu_basic_without_a_plan_says_why_and_falls_back(hub, root):
    said = []
    assert sent(hub, root, said=said, hardware="cpu-basic")["hardware"] == "zero-a10g"
    assert NO_PLAN[:60] in " ".join(said)


def test_with_a_plan_it_is_made_on_what_was_asked_for(hub, root):
    hub.plan = "pro"
    assert sent(hub, root, hardware="cpu-basic")["hardware"] == "cpu-basic"


def test_where_nothing_is_free_any_more_nothing_is_made_and_the_ways_out_are_said(hub, root):
    for number in range(2):
        hub.repo(f"me/other{number}", kind="space").hardware = "zero-a10g"
    with pytest.raises(PublishError) as caught:
        sent(hub, root)
    said = str(caught.value)
    assert "You host 2 ZeroGPU Spaces already" in said and "Nothing was published" in said
    assert "two Spaces of a personal account" in said and "cpu-basic with PRO" in said
    assert caught.value.published is False and ("space", TO) not in hub.repos


def test_hardware_that_is_not_known_is_said_with_what_there_is(hub, root):
    hub.fail("POST /api/repos/create", times=9, status=402, body=b'{"error": "no such flavor"}')
    with pytest.raises(PublishError, match="it has cpu-basic, cpu-upgrade, t4-small, zero-a10g"):
        sent(hub, root, hardware="t5-huge")


def test_a_space_that_is_there_keeps_what_its_settings_say(hub, root):
    sent(hub, root)
    hub.repo("me/model", private=False, files={"model.safetensors": b"x", "config.json": b"{}"})
    result = sent(hub, root, private=False, hardware="t4-small", tuned_model="me/model")
    assert "stays as it is" in result["note"] and f"/spaces/{TO}/settings" in result["note"]
    for asked in ("TANDEM_TUNED_MODEL=me/model", "t4-small (it has zero-a10g)", "it is private"):
        assert asked in result["note"]
    assert hub.repos["space", TO].hardware == "zero-a10g" and hub.repos["space", TO].private
    assert not hub.count(AFTERWARDS) and sent(hub, root)["note"] == ""


def test_variables_a_secret_and_a_bucket_are_named_as_it_is_made(hub, root):
    hub.repo("me/model", private=False, files={"model.safetensors": b"x", "config.json": b"{}"})
    sent(hub, root, private=False, tuned_model="me/model", home_repo="me/runs", bucket="me/home",
         token="hf_ofTheSpaceOnly0123456789")
    repo = hub.repos["space", TO]
    made = repo.made_with
    assert {each["key"]: each["value"] for each in made["variables"]} == {
        "TANDEM_TUNED_MODEL": "me/model", "TANDEM_HOME_REPO": "me/runs", "TANDEM_HOME": "/data"}
    assert made["secrets"] == [{"key": "HF_TOKEN", "value": "hf_ofTheSpaceOnly0123456789"}]
    assert made["volumes"] == [{"type": "bucket", "source": "me/home", "mountPath": "/data"}]
    assert hub.repos["dataset", "me/runs"].private and hub.buckets["me/home"].private
    assert not repo.private and not hub.count(AFTERWARDS)


def test_the_readme_that_is_sent_preloads_what_the_app_loads_of_public_models(hub, root):
    hub.repo("me/model", private=False, files={
        "model.safetensors": b"x", "config.json": b"{}", "1_Pooling/config.json": b"{}",
        "onnx/model.onnx": b"x", "onnx/config.json": b"{}", "pytorch_model.bin": b"x"})
    hub.repo("me/secret", files={"model.safetensors": b"x"})
    sent(hub, root, tuned_model="me/model", base_model="me/secret")
    text = hub.repos["space", TO].text("README.md")
    assert ('preload_from_hub:\n  - "me/model 1_Pooling/config.json,config.json,model.safetensors"'
            "\n---\n# Tandem") in text
    assert "emoji: 🚲" in text and "secret" not in text
    sent(hub, root)  # an update keeps what is preloaded
    assert hub.repos["space", TO].text("README.md") == text
    assert (root / "README.md").read_text().count("preload") == 0


def test_a_model_with_its_revision_is_preloaded_at_that_commit(hub, root):
    model = hub.repo("me/model", private=False, files={"model.safetensors": b"x"})
    sent(hub, root, tuned_model=f"me/model@{model.head.oid}")
    assert f"me/model model.safetensors {model.head.oid}" in hub.repos["space", TO].text(
        "README.md")


@pytest.mark.parametrize("model, said", [("me/nothing", "nothing of that name"),
                                         ("/srv/run/model", "no model of the Hub")])
def test_a_model_that_a_space_cannot_read_makes_no_space(hub, root, model, said):
    with pytest.raises(PublishError, match=said):
        sent(hub, root, tuned_model=model)
    assert ("space", TO) not in hub.repos


def test_a_home_that_is_public_makes_no_space(hub, root):
    hub.repo("me/runs", kind="dataset", private=False)
    with pytest.raises(PublishError, match="public"):
        sent(hub, root, home_repo="me/runs")
    assert ("space", TO) not in hub.repos


def test_the_command_says_what_it_fell_back_to_and_takes_the_secret_from_the_environment(
        hub, monkeypatch, caplog, capsys):
    caplog.set_level("INFO", logger="train")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: ME)
    secret = "hf_ofTheSpaceOnly0123456789"
    monkeypatch.setenv("TANDEM_SPACE_TOKEN", secret)
    assert main(["--repo", TO, "--hardware", "cpu-upgrade"]) == 0
    assert "cpu-upgrade costs $0.03 an hour" in caplog.text
    assert json.loads(caplog.messages[-1])["hardware"] == "zero-a10g"
    assert hub.repos["space", TO].made_with["secrets"][0]["value"] == secret
    assert secret not in caplog.text and secret not in capsys.readouterr().out
