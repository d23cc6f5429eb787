"""How large a base model may be, before it is fetched."""

import pytest

from retrieval.model_kinds import ModelFiles
from retrieval.models import ModelError
from train.commands.model import check_size


def files(weights, local=False):
    return ModelFiles("acme/large", frozenset(), lambda name: None, weights, local=local)


def test_a_model_of_the_hub_is_refused_by_its_list_of_files_one_byte_past_the_limit():
    check_size("acme/large", files(2_500_000_000), 2_500_000_000)
    with pytest.raises(ModelError, match=r"has 2\.5 GB of weights; at most 2\.5 GB .*MAX_MODEL_GB"):
        check_size("acme/large", files(2_500_000_001), 2_500_000_000)


def test_a_folder_of_this_machine_and_a_model_without_a_limit_are_not_sized():
    check_size("./large", files(9, local=True), 1)
    check_size("acme/large", files(9), None)
    check_size("acme/large", None, 1)  # loading says why it is not there


def test_a_model_whose_size_is_not_said_is_refused():
    with pytest.raises(ModelError, match="does not say how large"):
        check_size("acme/large", files(0), 1)
