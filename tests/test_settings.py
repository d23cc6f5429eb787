from pathlib import Path

import pytest

from train.settings import Settings, SettingsError


def test_an_empty_environment_gives_the_defaults():
    settings = Settings.from_env({})
    assert settings == Settings()
    assert settings.runs == Path(".tandem/runs")


def test_empty_values_are_as_good_as_none():
    assert Settings.from_env({"TANDEM_HOME": "", "PORT": " "}) == Settings()


def test_on_a_space_training_asks_for_a_login():
    assert Settings.from_env({"SYSTEM": "spaces"}).train == "login"
    assert Settings.from_env({"SYSTEM": "spaces", "TANDEM_TRAIN": "off"}).train == "off"


def test_what_a_fine_tune_may_take_is_bounded_on_a_space_and_elsewhere_only_if_asked():
    free, space = Settings.from_env({}), Settings.from_env({"SYSTEM": "spaces"})
    assert (free.max_pairs, free.max_minutes) == (None, None)
    assert (space.max_pairs, space.max_minutes) == (10_000, 60)
    mine = Settings.from_env({"SYSTEM": "spaces", "TANDEM_MAX_PAIRS": "5",
                              "TANDEM_MAX_MINUTES": "None"})
    assert (mine.max_pairs, mine.max_minutes) == (5, None)


@pytest.mark.parametrize("env, said", [
    ({"PORT": "x"}, "PORT must be a number from 1 to 65535, not 'x'"),
    ({"PORT": "0"}, "PORT"), ({"PORT": "99999"}, "PORT"), ({"PORT": "²"}, "PORT"),
    ({"PORT": "9" * 5000}, "PORT"),
    ({"TANDEM_TRAIN": "maybe"}, "TANDEM_TRAIN must be one of open, login, owner, off"),
    ({"TANDEM_RECIPE": "best"}, "TANDEM_RECIPE must be one of auto, tandem, quick, seed"),
    ({"TANDEM_MAX_PAIRS": "0"}, "TANDEM_MAX_PAIRS must be a whole number from 1 to 1,000,000,000"),
    ({"TANDEM_MAX_PAIRS": "9" * 5000}, "TANDEM_MAX_PAIRS"),
    ({"TANDEM_MAX_MINUTES": "1.5"}, "TANDEM_MAX_MINUTES must be .* or none for no limit"),
    ({"TANDEM_ENGINE": "cloud"}, "TANDEM_ENGINE must be one of"),
])
def test_a_bad_variable_is_named_with_what_it_may_be(env, said):
    with pytest.raises(SettingsError, match=said):
        Settings.from_env(env)
