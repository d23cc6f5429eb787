from dataclasses import asdict

import pytest

from train.recipe import named_recipe
from train.run.record import RunError, create_run
from train.run.spec import RunSpec, spec_of

OLD = {"negatives": 0, "negatives_margin": 0.95, "lora_rank": None, "lora_alpha": 32.0}


def asked(tmp_path, **recipe):
    run = create_run(tmp_path, "old")
    record = RunSpec(recipe=named_recipe("seed")).as_record()
    run.update(**record | {"recipe": asdict(named_recipe("seed")) | OLD | recipe})
    return run


def test_a_run_of_an_earlier_version_can_be_taken_up(tmp_path):
    assert spec_of(asked(tmp_path)).recipe == named_recipe("seed")


@pytest.mark.parametrize("recipe", [{"lora_rank": 8}, {"negatives": 2}])
def test_a_run_that_asks_for_what_is_gone_is_refused_with_what_and_why(tmp_path, recipe):
    (name, value), = recipe.items()
    with pytest.raises(RunError, match=f"with {name}={value}, which Tandem no longer does"):
        spec_of(asked(tmp_path, **recipe))
