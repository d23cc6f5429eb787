import json
import sys
import threading
from dataclasses import replace

import pytest

from retrieval.models import EMBEDDED_MODEL
from train.recipe import RECIPES, named_recipe
from train.run.spec import RunSpec
from ui.services import estimate as room
from ui.services.estimate import (
    ModelCheck,
    PlanError,
    Planner,
    estimate_command,
    is_here,
    plan_key,
)

pytestmark = pytest.mark.slow

SAID = {"pairs": 9, "steps": 3, "seconds": {"low": 1, "high": 2}}


def planner(tmp_path, code, counted=None):
    def command(request):
        if counted is not None:
            counted.append(request)
        return [sys.executable, "-S", "-c", code]

    return Planner(tmp_path, command)


def prints(value):
    return f"print('a warning'); print({json.dumps(json.dumps(value))})"


def parsed(command):
    """The recipe a command line asks for, read as `python -m train` reads it."""
    values = dict(part.split("=", 1) for flag, part in zip(command, command[1:], strict=False)
                  if flag == "--set")
    return named_recipe(command[command.index("--recipe") + 1]).with_values(values)


@pytest.mark.parametrize("recipe", [
    *RECIPES.values(),
    replace(RECIPES["tandem"], learning_rate=1.25e-7, dropout=None, max_seq_length=64, epochs=7,
            truncate_dim=256, keep="last", mask=False, symmetric=True, patience=1,
            mini_batch_size=16, batching="neighbours", precision="bf16"),
], ids=lambda recipe: recipe.name)
def test_the_command_line_asks_for_the_very_recipe(recipe):
    assert parsed(estimate_command(RunSpec(recipe=recipe))) == recipe


def test_the_command_line_names_data_and_base_whatever_they_look_like():
    command = estimate_command(RunSpec("-x y.jsonl", "--json", "abc"))
    assert "--data=-x y.jsonl" in command and "--base=--json@abc" in command
    assert command[1:4] == ["-m", "train", "estimate"] and command[-1] == "--json"


def test_what_was_measured_is_kept_for_the_same_question(tmp_path):
    counted = []
    plans = planner(tmp_path, prints(SAID), counted)
    asked = RunSpec()
    assert plans.known(asked) is None
    assert plans.plan(asked) == plans.plan(replace(asked, owner="ben", seed=7)) == SAID
    assert plans.known(asked) == SAID
    assert len(counted) == 1
    plans.plan(replace(asked, recipe=RECIPES["quick"]))
    assert len(counted) == 2


@pytest.mark.parametrize("other", [{"data": "x"}, {"base": "x"}, {"revision": "x"},
                                   {"recipe": RECIPES["seed"]}])
def test_an_estimate_depends_on_data_base_revision_and_recipe(other):
    assert plan_key(RunSpec()) != plan_key(replace(RunSpec(), **other))


def test_only_so_many_estimates_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MOST_KEPT", 2)
    plans = planner(tmp_path, prints(SAID))
    for name in "abc":
        plans.plan(RunSpec(data=name))
    assert [plans.known(RunSpec(data=name)) is None for name in "abc"] == [True, False, False]


def test_one_is_measured_at_a_time_and_two_who_ask_the_same_wait_for_one(tmp_path):
    counted, said = [], []
    plans = planner(tmp_path, f"import time; time.sleep(0.1); {prints(SAID)}", counted)
    asking = [threading.Thread(target=lambda: said.append(plans.plan(RunSpec()))) for _ in "abc"]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert said == [SAID] * 3 and len(counted) == 1


def test_an_error_of_the_command_is_its_sentence_and_is_not_kept(tmp_path):
    plans = planner(tmp_path, prints({"error": "There is no corpus at x."}))
    with pytest.raises(PlanError, match=r"^There is no corpus at x\.$"):
        plans.plan(RunSpec())
    assert plans.known(RunSpec()) is None


@pytest.mark.parametrize("code, said", [
    ("import sys; sys.exit('python -m train: error: no such thing')", "error: no such thing"),
    ("pass", r"It could not be estimated: \?"),
    ("raise MemoryError('too large')", "MemoryError: too large"),
    ("print('{half')", "It could not be estimated"),
])
def test_a_command_that_fails_is_said_with_its_last_words(tmp_path, code, said):
    with pytest.raises(PlanError, match=said):
        planner(tmp_path, code).plan(RunSpec())


def test_a_machine_that_is_too_slow_is_said_and_the_command_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MEASURE_WITHIN", 0.3)
    with pytest.raises(PlanError, match="took more than .* too slow for this model"):
        planner(tmp_path, "import time; time.sleep(60)").plan(RunSpec())


def test_measuring_uses_the_caches_of_this_home(tmp_path):
    code = "import json, os; print(json.dumps({'home': os.environ['TANDEM_HOME']}))"
    assert planner(tmp_path, code).plan(RunSpec())["home"] == str(tmp_path.resolve())


@pytest.mark.parametrize("owner, engine, limited", [
    (None, "local", False), ("ben", "local", True), ("ben", "zerogpu", True),
    ("ben", "jobs", False)], ids=["owner", "visitor", "zerogpu", "jobs"])
def test_a_visitors_model_is_sized_where_it_is_fetched_to_this_machine(
    tmp_path, owner, engine, limited
):
    asked = []
    tell = [sys.executable, "-c", "import json, sys; print(json.dumps({'argv': sys.argv[1:]}))"]
    request = RunSpec(base="acme/large", owner=owner, engine=engine)
    for maker in (Planner(tmp_path, lambda request: tell, max_model=7),
                  ModelCheck(tmp_path, lambda request: asked.append(request) or tell, max_model=7)):
        if isinstance(maker, Planner):
            assert maker.plan(request)["argv"] == (["--refuse-over=7"] if limited else [])
        else:
            maker.check(request)
    assert asked == [request]


@pytest.mark.parametrize("base, engine, here", [
    ("acme/large", "local", True), ("acme/large", "jobs", False), ("acme/large", "zerogpu", False),
    (EMBEDDED_MODEL, "jobs", True), ("acme/opening", "jobs", True)], ids=str)
def test_nothing_is_fetched_for_an_estimate_of_another_machine(base, engine, here):
    assert is_here(RunSpec(base=base, engine=engine), "acme/opening") is here
