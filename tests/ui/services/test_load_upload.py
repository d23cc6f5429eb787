"""Somebody's data on its way to a pair."""

import json
from pathlib import Path

import pytest

from retrieval.evaluation import evaluate
from support.own import Gate, name_of, numbers, opening_pair, write_pairs
from train.settings import Settings
from ui.services import load_upload as room
from ui.services.load_upload import is_own, pair_of_data, remember, swept


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_pairs(folder, numbers(300))
    return folder


def stages(folder, settings, opened=None, name=None):
    opened = opened or opening_pair()
    return list(pair_of_data(name or name_of(), str(folder), "mine", lambda: opened, settings))


def test_bm25_can_be_asked_first_then_base_and_at_last_both_are_measured(folder, settings):
    found = stages(folder, settings)
    kinds = list(dict.fromkeys(stage.kind for stage in found))
    assert kinds == ["reading", "encoding", "measuring", "ready"]
    encoding = [stage for stage in found if stage.kind == "encoding"]
    assert [stage.progress.done for stage in encoding] == [0, 64, 128, 192, 256, 300]
    assert all(stage.words and not stage.pair and stage.progress.total == 300 for stage in encoding)
    assert encoding[0].words.compare("What is the number 7?").base.answer_rank == 1
    assert [stage.pair.of_base for stage in found if stage.kind == "measuring"][0] is None
    assert found[-1].pair.of_base and found[-1].pair.lexical() is found[-1].words.lexical
    assert found[-1].pair.corpus.name == "mine" and "300 passages" in found[-1].pair.about


def test_what_is_measured_in_parts_is_what_is_measured_at_once(folder, settings, monkeypatch):
    monkeypatch.setattr(room, "PART", 7)
    pair = stages(folder, settings)[-1].pair
    whole = [evaluate(side, pair.corpus, "test") for side in (pair.lexical(), pair.base)]
    assert [dict(pair.of_base.base), dict(pair.of_base.tuned)] == whole
    assert len(pair.of_base.base) == 100


def test_of_very_many_test_questions_some_are_drawn_and_it_says_so(folder, settings, monkeypatch):
    monkeypatch.setattr(room, "MOST_MEASURED", 20)
    first, again = (stages(folder, settings)[-1].pair for _ in range(2))
    assert len(first.of_base.base) == 20 and first.of_base.base.keys() == again.of_base.base.keys()
    assert "20 of its 100 test questions" in first.about


@pytest.mark.parametrize("kept, said", [(0, "no test questions"), (1, "only 1 test question:"),
                                        (5, "only 5 test questions")])
def test_too_few_test_questions_are_said_and_compare_works_without(folder, settings, kept, said):
    path = folder / "qrels" / "test.tsv"
    path.write_text("".join(path.read_text().splitlines(True)[: kept + 1]))
    pair = stages(folder, settings)[-1].pair
    assert pair.of_base is None and said in pair.unmeasured
    assert pair.compare("What is the number 250?").base.hits


def test_passages_without_any_question_can_be_searched(folder, settings):
    (folder / "queries.jsonl").write_text("")
    for path in (folder / "qrels").iterdir():
        path.write_text("query-id\tcorpus-id\tscore\n")
    pair = stages(folder, settings)[-1].pair
    assert pair.compare("number 7").base.hits and "no test questions" in pair.unmeasured


@pytest.mark.parametrize("most, refused", [(300, False), (299, True)])
def test_more_passages_than_the_limit_are_refused_with_both_figures(folder, settings, tmp_path,
                                                                    most, refused):
    limited = Settings(home=tmp_path / "home", max_passages=most)
    encoder = Gate("base")
    opened = opening_pair(encoder)
    before = encoder.passages
    if not refused:
        assert stages(folder, limited, opened)[-1].kind == "ready"
        return
    with pytest.raises(room.TooManyError, match="300 passages; at most 299 .*MAX_PASSAGES"):
        stages(folder, limited, opened)
    assert encoder.passages == before


def test_the_limit_is_a_setting_and_there_is_one_on_a_space_alone():
    assert Settings.from_env({}).max_passages is None
    assert Settings.from_env({"SYSTEM": "spaces"}).max_passages == 20_000
    assert Settings.from_env({"TANDEM_MAX_PASSAGES": "7"}).max_passages == 7


def test_a_file_of_pairs_is_held_to_the_limit_too(tmp_path):
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps({"anchor": a, "positive": p}) + "\n"
                            for a, p in numbers(12)))
    with pytest.raises(room.TooManyError, match="12 passages; at most 11"):
        stages(file, Settings(home=tmp_path / "home", max_passages=11))


def test_what_base_read_once_is_not_read_again(folder, settings):
    encoder = Gate("base")
    opened = opening_pair(encoder)
    stages(folder, settings, opened)
    read = encoder.passages
    found = stages(folder, settings, opened)
    assert encoder.passages == read and found[-1].pair.of_base


def test_a_base_that_never_comes_is_waited_for_until_it_is_said(folder, settings, monkeypatch):
    monkeypatch.setattr(room, "WAIT", 0)
    answers = [None, None, ValueError("The base model could not be loaded.")]

    def opening():
        answer = answers.pop(0)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    seen = []
    with pytest.raises(ValueError, match="could not be loaded"):
        for stage in pair_of_data(name_of(), str(folder), "mine", opening, settings):
            seen.append(stage)
    assert [stage.kind for stage in seen][-2:] == ["waiting", "waiting"] and seen[-1].words


def test_vectors_go_with_the_upload_unless_other_data_has_the_same_passages(folder, settings):
    pair = stages(folder, settings)[-1].pair
    vectors = list(settings.cache.glob("*.npy"))
    assert len(vectors) == 2  # of the passages, and of some of the questions
    for number in (1, 2):
        (settings.uploads / name_of(number)).mkdir(parents=True)
    remember(settings, name_of(2), pair.corpus)
    assert list(swept(settings)) == []
    (settings.uploads / name_of(1)).rmdir()
    assert list(swept(settings)) == [name_of(1)] and vectors[0].exists()
    (settings.uploads / name_of(2)).rmdir()
    assert list(swept(settings, [pair.corpus.fingerprint])) == [name_of(2)]
    assert vectors[0].exists()
    remember(settings, name_of(2), pair.corpus)
    assert list(swept(settings)) == [name_of(2)] and not vectors[0].exists()
    assert list(settings.cache.iterdir()) == []


@pytest.mark.parametrize("shown, own", [
    (name_of(), True), (f"{name_of()}.jsonl", True), ("", False), ("upload-1", False),
    ("20260102T030405Z-upload-000000000000000000000000", False), (f"{name_of()}/..", False),
    (f"../{name_of()}", False), (f"{name_of()}\n", False)])
def test_the_name_of_data_is_told_from_the_id_of_a_run(shown, own):
    assert is_own(shown) is own
    assert not own or Path(shown).name == shown
