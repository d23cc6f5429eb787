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


def test_what_somebody_brings_is_bounded_and_on_a_space_goes_after_a_day():
    free, space = Settings.from_env({}), Settings.from_env({"SYSTEM": "spaces"})
    assert (free.max_rows, free.max_characters, free.keep_hours) == (1_000_000, 100_000, None)
    assert (space.max_rows, space.max_characters, space.keep_hours) == (200_000, 100_000, 24)
    mine = Settings.from_env({"SYSTEM": "spaces", "TANDEM_MAX_ROWS": "500",
                              "TANDEM_MAX_CHARACTERS": "9000", "TANDEM_KEEP_HOURS": "none"})
    assert (mine.max_rows, mine.max_characters, mine.keep_hours) == (500, 9000, None)
    assert Settings.from_env({"TANDEM_KEEP_HOURS": "2"}).keep_hours == 2


@pytest.mark.parametrize("env, said", [
    ({"PORT": "x"}, "PORT must be a number from 1 to 65535, not 'x'"),
    ({"PORT": "0"}, "PORT"), ({"PORT": "99999"}, "PORT"), ({"PORT": "²"}, "PORT"),
    ({"PORT": "9" * 5000}, "PORT"),
    ({"TANDEM_TRAIN": "maybe"}, "TANDEM_TRAIN must be one of open, login, owner, off"),
    ({"TANDEM_RECIPE": "best"}, "TANDEM_RECIPE must be one of auto, tandem, quick, seed"),
    ({"TANDEM_MAX_PAIRS": "0"}, "TANDEM_MAX_PAIRS must be a whole number from 1 to 1,000,000,000"),
    ({"TANDEM_MAX_PAIRS": "9" * 5000}, "TANDEM_MAX_PAIRS"),
    ({"TANDEM_MAX_MINUTES": "1.5"}, "TANDEM_MAX_MINUTES must be .* or none for no limit"),
    ({"TANDEM_MAX_ROWS": "none"}, "TANDEM_MAX_ROWS must be a whole number from 1 to 1,000,000,000, "
                                  "not 'none'"),
    ({"TANDEM_MAX_ROWS": "0"}, "TANDEM_MAX_ROWS"), ({"TANDEM_MAX_ROWS": "9" * 5000}, "MAX_ROWS"),
    ({"TANDEM_MAX_CHARACTERS": "-1"}, "TANDEM_MAX_CHARACTERS must be"),
    ({"TANDEM_KEEP_HOURS": "0"}, "TANDEM_KEEP_HOURS must be .* or none for no limit, not '0'"),
    ({"TANDEM_KEEP_HOURS": "1.5"}, "TANDEM_KEEP_HOURS"),
    ({"TANDEM_ENGINE": "cloud"}, "TANDEM_ENGINE must be one of"),
])
def test_a_bad_variable_is_named_with_what_it_may_be(env, said):
    with pytest.raises(SettingsError, match=said):
        Settings.from_env(env)


def test_sizes_are_read_in_the_units_their_variables_name():
    settings = Settings.from_env({"TANDEM_MAX_DISK_GB": "2.5", "TANDEM_MAX_UPLOAD_MB": "0.5"})
    assert (settings.max_disk, settings.max_upload) == (2_500_000_000, 500_000)


@pytest.mark.parametrize("name, unit", [("TANDEM_MAX_DISK_GB", "giga"),
                                        ("TANDEM_MAX_UPLOAD_MB", "mega")])
@pytest.mark.parametrize("value", ["0", "-1", "many", "nan", "inf", "1e9", "1,5", "²"])
def test_a_size_that_is_none_is_named_with_its_unit(name, unit, value):
    with pytest.raises(SettingsError, match=f"{name} must be a number of {unit}bytes above 0"):
        Settings.from_env({name: value})


def test_whose_a_space_is_counts_on_a_space_only():
    said = {"SPACE_AUTHOR_NAME": "ada", "SPACE_CREATOR_USER_ID": "1", "SPACES_ZERO_GPU": "true"}
    there = Settings.from_env(said | {"SYSTEM": "spaces"})
    assert (there.on_space, there.space_owner, there.space_creator, there.zero_gpu) == (
        True, "ada", "1", True)
    here = Settings.from_env(said)
    assert (here.on_space, here.space_owner, here.space_creator, here.zero_gpu) == (
        False, None, None, False)


@pytest.mark.parametrize("value, has", [("1", True), ("True", True), ("0", False), ("", False),
                                        ("false", False)])
def test_zero_gpu_is_there_when_the_space_says_so(value, has):
    assert Settings.from_env({"SYSTEM": "spaces", "SPACES_ZERO_GPU": value}).zero_gpu == has


def test_everything_that_is_kept_is_under_home():
    settings = Settings.from_env({"TANDEM_HOME": "/data"})
    assert {settings.runs, settings.uploads, settings.cache} == {
        Path("/data/runs"), Path("/data/uploads"), Path("/data/cache")}


def test_hosts_are_names_and_the_spaces_own_is_among_them():
    env = {
        "TANDEM_HOSTS": "Tandem.example, a.b",
        "SYSTEM": "spaces",
        "SPACE_HOST": "ada-t.hf.space",
    }
    assert Settings.from_env(env).hosts == ("tandem.example", "a.b", "ada-t.hf.space")
    assert Settings.from_env({"SPACE_HOST": "x"}).hosts == ()
    for wrong in ("http://a", "a:80", "a/b", "a..b"):
        with pytest.raises(SettingsError, match="TANDEM_HOSTS must be host names"):
            Settings.from_env({"TANDEM_HOSTS": wrong})


def test_the_size_of_a_visitors_model_is_limited_on_a_space():
    assert Settings.from_env({}).max_model is None
    assert Settings.from_env({"SYSTEM": "spaces"}).max_model == 2_500_000_000
    assert Settings.from_env({"TANDEM_MAX_MODEL_GB": "0.5"}).max_model == 500_000_000
    with pytest.raises(SettingsError, match="TANDEM_MAX_MODEL_GB must be a number of gigabytes"):
        Settings.from_env({"TANDEM_MAX_MODEL_GB": "large"})
