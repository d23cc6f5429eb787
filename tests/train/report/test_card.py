import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard

from retrieval.metrics import METRICS
from support.fakes import HashingEncoder
from support.runs.finished import questions, record_of
from train.fit.card_facts import facts
from train.recipe import Recipe
from train.report.card import model_card as card_of
from train.report.card_metadata import CardEdits, CardError
from train.run.record import RunError, RunRecord

SNAPSHOT = Path(__file__).parent / "snapshots" / "card.md"
NUMBER = re.compile(r"(?<![\w.@-])[+-]?\d[\d.,]*(?:e-\d+)?")


@pytest.fixture(scope="module")
def made():
    record = record_of(questions(), HashingEncoder(dim=6), HashingEncoder())[0]
    record["data"]["private"] = False  # else no text of what was brought is shown
    return record


def model_card(record, repo=None):
    return card_of(RunRecord.from_json(record), repo)


def edits_of(record):
    return CardEdits.of(RunRecord.from_json(record))


def changed(made, **changes):
    return json.loads(json.dumps(made)) | changes


def numbers_in(value):
    if isinstance(value, dict):
        for key, part in value.items():
            yield from re.findall(r"\d[\d.,]*", str(key))
            yield from numbers_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from numbers_in(part)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        yield from (f"{value:.4f}", f"{abs(value):.4f}", f"{abs(value):.3f}", f"{value:,}",
                    str(value), f"{value:,.0f}", f"{value:g}")
    else:
        yield from re.findall(r"\d[\d.,]*(?:e-\d+)?", value)


def without_citations(card):
    """The text of a card whose figures are those of its run."""
    before, script = card[: card.index("## Citation")].split("### Without Tandem")
    return before + script[script.index("## Framework versions"):]


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(truncate_dim=128, epochs=7, scale=31.5)])
def test_every_number_on_the_card_stands_in_the_record(made, recipe):
    record = changed(made, recipe=asdict(recipe))
    known = {number.rstrip(".,") for number in numbers_in(record)}
    card = without_citations(model_card(record, "me/model"))
    found = {number.lstrip("+-").rstrip(".,") for number in NUMBER.findall(card)}
    assert found - known == set()
    assert len(found) > 100


def test_no_other_number_of_a_record_passes_for_one_on_the_card(made):
    card = model_card(made)
    gap = made["metrics"]["test"]["difference"]["ndcg@10"]
    for split in ("test", "dev"):
        for side in ("base", "tuned"):
            row = next(line for line in card[card.index(
                "### Test" if split == "test" else "### Dev"):].splitlines() if "mrr@10" in line)
            assert f"{made['metrics'][split][side]['mrr@10']:.4f}" in row
    assert f"| {gap['value']:+.4f} | {gap['low']:+.4f} to {gap['high']:+.4f} |" in card


def test_the_card_is_the_one_that_was_looked_at(made):
    """After a wanted change: delete the snapshot, run this, look at the new one, commit it."""
    recipe = {"name": "tandem", "epochs": 2, "batch_size": 8, "truncate_dim": 128, "keep": "best"}
    record = changed(made, versions={"python": "3.11", "torch": "2"}, recipe=recipe)
    card = model_card(record, "me/car-parts")
    if not SNAPSHOT.exists():
        SNAPSHOT.parent.mkdir(exist_ok=True)
        SNAPSHOT.write_text(card, "utf-8")
        pytest.fail(f"{SNAPSHOT.name} was not there: it is written, look at it")
    assert card == SNAPSHOT.read_text("utf-8")


def test_the_hubs_client_reads_the_front_matter_with_both_splits_by_name(made):
    data = ModelCard(model_card(made)).data
    assert data.base_model == "owner/base"
    assert data.base_model_relation == "finetune"
    assert data.license == "apache-2.0" and data.language == ["en"]
    assert data.library_name == "sentence-transformers"
    assert data.pipeline_tag == "sentence-similarity"
    assert {"dataset_size:24", "loss:MultipleNegativesRankingLoss"} <= set(data.tags)
    assert {result.dataset_split for result in data.eval_results} == {"dev", "test"}
    assert len({result.dataset_name for result in data.eval_results}) == 2
    assert {result.metric_type for result in data.eval_results} == {
        f"cosine_{name}" for name in METRICS}
    assert "Cosine Ndcg@10" in {result.metric_name for result in data.eval_results}
    test = [result for result in data.eval_results
            if (result.dataset_split, result.metric_type) == ("test", "cosine_mrr@10")]
    assert [result.metric_value for result in test] == [made["metrics"]["test"]["tuned"]["mrr@10"]]


def test_the_front_matter_keeps_the_hubs_metadata_rules(made):
    data = yaml.safe_load(model_card(made).split("---")[1])
    assert isinstance(data["license"], str) and isinstance(data["tags"], list)
    assert all(isinstance(tag, str) and len(tag) < 100 for tag in data["tags"])
    (index,) = data["model-index"]
    assert set(index) == {"name", "results"}
    for result in index["results"]:
        assert {"type", "name"} <= set(result["task"]) and {"type", "name"} <= set(
            result["dataset"])
        for metric in result["metrics"]:
            assert set(metric) >= {"type", "value"} and isinstance(metric["value"], float)
    for example in data["widget"]:
        assert isinstance(example["source_sentence"], str)
        assert 1 < len(example["sentences"]) == len(set(example["sentences"]))


def test_widget_examples_come_from_the_test_split_alone(made):
    corpus = questions()
    asked = {corpus.queries[q].text for q in corpus.qrels["test"]}
    answers = {corpus.passage[p].content for rel in corpus.qrels["test"].values() for p in rel}
    examples = yaml.safe_load(model_card(made).split("---")[1])["widget"]
    assert len(examples) == 5
    for example in examples:
        assert example["source_sentence"] in asked
        assert set(example["sentences"]) <= answers


def test_no_text_of_private_data_is_on_the_card(made):
    for private in (changed(made, data=made["data"] | {"private": True}),
                    changed(made, card={"private_data": True})):
        card = model_card(private)
        for sample in made["data"]["samples"]:
            assert sample["anchor"] not in card and "weighs" not in card
        for example in made["data"]["widget"]:
            assert example["source_sentence"] not in card
        assert "no text of it is shown" in card
    assert made["data"]["samples"][0]["anchor"] in model_card(made)


def test_a_local_base_is_not_turned_into_a_repository_name(made):
    for name in ("./models/mine", "/srv/models/mine", "../a", "~/b"):
        data = ModelCard(model_card(changed(made, base_model=made["base_model"] | {
            "name": name}))).data
        assert data.base_model is None and "base_model_relation" not in data.to_dict()


def test_base_and_tuned_stand_side_by_side_with_the_verdict_first(made):
    card = model_card(made)
    body = card.split("---\n", 2)[2]
    assert body.index(made["metrics"]["test"]["verdict"]) < 200
    assert card.index("Test split (measured once)") < card.index("Dev split (chose the checkpoint)")
    assert "| 0 | 0 | – | 0.5000 |" in card
    assert "| **1** | **3** | **0.4321** | **0.6125** |" in card


def test_the_last_checkpoint_is_bold_when_the_recipe_keeps_the_last(made):
    card = model_card(changed(made, recipe=made["recipe"] | {"keep": "last"}))
    assert "| **2** | **6** | **0.1234** | **0.6098** |" in card


def test_sizes_of_train_and_evaluation_data_are_those_of_the_splits(made):
    card = model_card(made)
    assert "| train | training | 24 | 24 | 24 |" in card
    assert "| test | the figures above | 23 | 23 | 23 |" in card


def test_the_command_on_the_card_asks_for_the_run_again(made):
    recipe = Recipe(name="seed", epochs=2, learning_rate=3e-5)
    card = model_card(changed(made, recipe=asdict(recipe), data=made["data"] | {
        "source": "porsche"}))
    line = next(line for line in card.splitlines() if line.startswith("python -m train fit"))
    assert "--data porsche" in line and f"--base owner/base@{'a' * 40}" in line
    assert "--recipe seed" in line and "--set epochs=2" in line and "--seed 42" in line
    assert "--set learning_rate=3e-05" in line and "--set batch_size=32" in line


def test_what_was_lost_elsewhere_is_shown_or_said_to_be_unknown(made):
    assert "was not measured" in model_card(made)
    card = model_card(changed(made, retention=made["metrics"]["dev"] | {"name": "general"}))
    assert "was not measured" not in card
    row = next(line for line in card.splitlines() if line.startswith("| general | ndcg@10 |"))
    assert f"{made['metrics']['dev']['base']['ndcg@10']:.4f}" in row


def test_each_side_is_said_to_be_shown_the_way_it_does_better(made):
    choice = {"query": "question: ", "passage": "", "used": True, "with": 0.61, "without": 0.52}
    record = changed(made, prompts={"base": choice, "tuned": choice | {
        "used": False, "without": 0.7215}})
    card = model_card(record)
    assert "| base | 0.6100 | 0.5200 | with |" in card
    assert "| fine-tuned | 0.6100 | 0.7215 | without |" in card
    assert "needs no prompt" in card
    assert "`question: `" in model_card(changed(made, prompts={"base": choice}))


def test_limitations_are_written_from_the_figures(made):
    test = made["metrics"]["test"]
    card = model_card(made)
    assert f"It got worse on {test['outcomes']['lost']:,} of those 23" in card or \
        not test["outcomes"]["lost"]
    worse = json.loads(json.dumps(made))
    worse["metrics"]["test"]["difference"]["mrr@10"] |= {"low": -0.3, "high": -0.1}
    worse["metrics"]["test"]["difference"]["ndcg@10"] |= {"low": -0.1, "high": 0.1}
    card = model_card(worse)
    assert "It is worse than its base in mrr@10" in card
    assert "do not show that it is better than its base" in card


@pytest.mark.parametrize("recipe, names", [
    ({}, ["MultipleNegativesRankingLoss"]),
    ({"truncate_dim": 64}, ["MatryoshkaLoss", "MultipleNegativesRankingLoss"]),
    ({"mini_batch_size": 8}, ["CachedMultipleNegativesRankingLoss"]),
    ({"cross_batch_memory": 0.0}, ["MultipleNegativesRankingLoss"]),
    ({"symmetric": True}, ["MultipleNegativesSymmetricRankingLoss"]),
])
def test_the_loss_is_named_and_cited_as_what_it_is(made, recipe, names):
    card = model_card(changed(made, recipe=made["recipe"] | recipe))
    tags = ModelCard(card).data.tags
    assert [tag for tag in tags if tag.startswith("loss:")] == [f"loss:{n}" for n in names]
    assert ("kusupati" in card) == ("truncate_dim" in recipe)
    assert ("gao2021scaling" in card) == ("mini_batch_size" in recipe)
    assert ("wang2020crossbatch" in card) == ("cross_batch_memory" not in recipe)
    assert ("truncate_dim=64" in card) == ("truncate_dim" in recipe)


def test_title_licence_language_and_description_are_what_somebody_said(made):
    edits = CardEdits(title="Car parts", license="cc-by-4.0", language=("en", "de"),
                      description="For the parts desk.", datasets=("me/parts",))
    card = ModelCard(model_card(changed(made, card=edits.as_record())))
    assert card.data.license == "cc-by-4.0" and card.data.language == ["en", "de"]
    assert card.data.datasets == ["me/parts"]
    assert "# Car parts\n" in card.text and "For the parts desk." in card.text
    assert edits_of(changed(made, card=edits.as_record())).title == "Car parts"


@pytest.mark.parametrize("wrong, said", [
    ({"license": "apache"}, "licence"), ({"language": ("English",)}, "639"),
    ({"title": "a\nb"}, "one line"), ({"title": " "}, "title"),
    ({"datasets": ("/srv/data",)}, "owner/name"), ({"description": "x" * 5001}, "description"),
])
def test_an_edit_that_the_hub_would_refuse_is_refused_with_a_sentence(wrong, said):
    with pytest.raises(CardError, match=said):
        CardEdits(**wrong)


def test_a_base_of_unknown_licence_leaves_it_to_be_asked_for(made):
    base = {key: value for key, value in made["base_model"].items() if key != "license"}
    assert edits_of(changed(made, base_model=base)).license is None
    known = changed(made, base_model=base | {"name": "mixedbread-ai/mxbai-embed-large-v1"})
    assert edits_of(known).license == "apache-2.0"


def test_markup_in_the_data_is_text_on_the_card(made):
    record = changed(made, data=made["data"] | {"samples": [
        {"anchor": "<script>x</script> | `a`", "positive": "# b\n| c"}]})
    card = model_card(record)
    assert "<script>" not in card.split("---\n", 2)[2]
    line = next(line for line in card.splitlines() if "&lt;script" in line)
    assert line.count("|") == 3


def test_a_record_without_optional_keys_makes_a_card(made):
    bare = changed(made)
    for key in ("license", "language", "similarity", "stored_prompts", "architecture", "revision"):
        del bare["base_model"][key]
    bare["data"] = {key: bare["data"][key] for key in ("name", "passages")}
    for split in ("dev", "test"):
        del bare["metrics"][split]["outcomes"], bare["metrics"][split]["detectable_difference"]
    assert "## Limitations" in model_card(bare)


def test_facts_count_tokens_and_characters_of_each_side():
    class Words:
        def __call__(self, texts, **_):
            return {"input_ids": [text.split() for text in texts]}

    corpus = questions()
    found = facts(corpus, Words())
    assert found["statistics"]["train"]["anchor"]["tokens"] == {"min": 5, "mean": 5.0, "max": 5}
    lengths = [len(pair.passage.content) for pair in corpus.pairs("test")]
    assert found["statistics"]["test"]["positive"]["characters"] == {
        "min": min(lengths), "mean": round(sum(lengths) / len(lengths), 1), "max": max(lengths)}
    assert [sample["anchor"] for sample in found["samples"]] == [
        pair.query.text for split in ("train", "dev") for pair in corpus.pairs(split)[:3]]
    assert "tokens" not in facts(corpus)["statistics"]["train"]["anchor"]


def test_a_run_that_was_not_measured_has_no_card(made):
    with pytest.raises(RunError, match="not measured"):
        model_card(changed(made, metrics=None))


def test_no_folder_of_this_machine_is_on_the_card(made):
    for base in ("/srv/secret/models/mine", "~/secret/mine"):
        record = changed(made, base_model=made["base_model"] | {"name": base})
        card = model_card(record)
        assert "srv" not in card and "secret" not in card and "uploads" not in card
        assert "--data car_parts.jsonl" in card


def test_a_model_that_compares_by_dot_product_is_said_to_everywhere(made):
    record = changed(made, base_model=made["base_model"] | {"similarity": "dot"},
                     recipe=made["recipe"] | {"truncate_dim": 64})
    card = model_card(record)
    assert "compared by dot similarity" in card and "**Similarity:** dot" in card
    assert {result.metric_type for result in ModelCard(card).data.eval_results} == {
        f"dot_{name}" for name in METRICS}
    said = without_citations(card).split("---\n", 2)[2]
    assert "cosine" not in said.replace("schedule | cosine", "")


def test_data_that_is_published_is_named_and_fetched_by_the_command(made):
    card = model_card(changed(made, card={"datasets": ["me/parts"]}))
    assert ModelCard(card).data.datasets == ["me/parts"]
    assert "[me/parts](https://huggingface.co/datasets/me/parts)" in card
    assert "hf download me/parts --repo-type dataset --local-dir parts\n" in card
    assert "python -m train fit --data parts " in card and "not published" not in card


def test_dev_is_said_to_have_chosen_what_it_chose(made):
    choice = {"query": "question: ", "passage": "", "used": True, "with": 0.61, "without": 0.52}
    card = model_card(changed(made, prompts={"base": choice}, recipe=made["recipe"] | {
        "keep": "last", "patience": 2}))
    assert "Dev split (chose when to stop and the use of prompts)" in card
    assert "choosing when to stop and the use of prompts" in card
    assert "flatter: when to stop and the use of prompts were chosen by them" in card


def test_words_of_a_person_stand_on_the_card_as_they_wrote_them(made):
    said = "Write to desk@example.org, see /faq/index.html, C:\\parts and 10.0.0.1."
    card = model_card(changed(made, card={"title": "Bank / FAQ helper", "description": said}))
    assert "# Bank / FAQ helper\n" in card and said in card


def test_the_card_shows_the_script_that_needs_no_tandem_in_a_block_of_its_own(made):
    record = changed(made, base_model=made["base_model"] | {"name": "/srv/secret/mine"})
    record["base_model"]["stored_prompts"] = {"query": "a ```` fence: "}
    card = model_card(record)
    script = card.split("`````python\n")[1].split("\n`````\n")[0]
    compile(script, "finetune.py", "exec")
    assert "SentenceTransformerTrainer(" in script and "a ```` fence: " in script
    assert "secret" not in card and "mine" in script
