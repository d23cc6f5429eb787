"""The Scoreboard's first table, without a browser."""

import json
import sys
from types import SimpleNamespace

import pytest

from hub.progress import drained
from retrieval.evaluation import Evidence, evaluate
from support.markup import HOSTILE, Tags
from train.run.record import create_run
from ui.html.alternatives import what_could_ship
from ui.services.board.alternatives import AlternativesService
from ui.services.model_pair import ModelPair
from ui.services.process import CancelledError
from ui.tabs.ship import named_base, shown_table, source_of


def printing(answer):
    """A command that prints an answer, as `train evaluate --per-query` does."""
    return lambda model, data: [
        sys.executable, "-c", f"import sys; sys.stdout.write({json.dumps(answer)!r})"]


def test_the_table_has_what_is_free_and_the_fine_tuned_model(pair, tmp_path):
    worker = AlternativesService(tmp_path)
    table = worker.table(pair)
    assert [row.name for row in table.rows] == ["BM25", "Base", "BM25+Base", "Fine-tuned"]
    assert [row.free for row in table.rows] == [True, True, True, False]
    assert table.rows[3].judged == pair.evidence.tuned
    assert worker.table(pair).rows[2] is table.rows[2]  # measured once
    html = what_could_ship(table)
    Tags(html)
    assert table.best_free.name in html and "chosen on kept-out questions" in html


def test_without_a_fine_tuned_model_the_table_is_of_what_is_free(pair, tmp_path):
    alone = ModelPair(pair.corpus, pair.base, of_base=Evidence(
        "test", len(pair.corpus.passages), evaluate(pair.lexical(), pair.corpus, "test"),
        pair.evidence.base))
    table = AlternativesService(tmp_path).table(alone)
    assert [row.name for row in table.rows] == ["BM25", "Base", "BM25+Base"]
    assert "Without training," in what_could_ship(table)
    assert AlternativesService(tmp_path).table(ModelPair(pair.corpus, pair.base)) is None


def test_another_base_gets_a_row_and_one_that_cannot_be_had_says_why(pair, tmp_path):
    judged = {query: {"ranks": dict(row.ranks), "metrics": dict(row.metrics)}
              for query, row in pair.evidence.tuned.items()}
    worker = AlternativesService(
        tmp_path, printing({"per_query": judged, "bytes": 5e6, "ms_per_query": 2.0}))
    drained(worker.add_base(pair, "owner/other", "data", {}))
    other = worker.table(pair).rows[-1]
    assert (other.name, other.free, other.judged) == ("owner/other", True, pair.evidence.tuned)
    worker.command = printing({"error": f"There is no such model {HOSTILE}."})
    drained(worker.add_base(pair, "owner/gone", "data", {}))
    row = worker.table(pair).rows[-1]
    assert not row.judged and "no such model" in row.error
    html = what_could_ship(worker.table(pair))
    Tags(html)
    assert "<img" not in html and "owner/other" in html
    worker.command = printing({"per_query": {}})
    drained(worker.add_base(pair, "owner/changed", "data", {}))
    assert "has changed" in worker.table(pair).rows[-1].error
    drained(worker.add_base(pair, "owner/4", "data", {}))
    with pytest.raises(ValueError, match="in the table already"):
        drained(worker.add_base(pair, "owner/5", "data", {}))


def test_another_base_is_measured_with_its_progress_and_stopped_by_whoever_began(pair, tmp_path):
    line = '{"progress": [3, 9], "text": "Alpha 0.5"}'
    worker = AlternativesService(tmp_path, lambda model, data: [sys.executable, "-c", (
        f"import sys, time; print({line!r}, file=sys.stderr, flush=True); time.sleep(60)")])
    steps = worker.add_base(pair, "owner/slow", "data", {}, "ann")
    while next(steps) is None:
        pass
    assert next(steps).done == 3
    with pytest.raises(ValueError, match="being measured for this table"):
        drained(worker.add_base(pair, "owner/other", "data", {}))
    assert worker.table(pair).rows  # nobody else waits for it
    worker.stop(pair, "bob")
    next(steps)
    worker.stop(pair, "ann")
    with pytest.raises(CancelledError):
        list(steps)
    assert not [row for row in worker.table(pair).rows if row.name == "owner/slow"]
    worker.command = printing({"error": "gone"})
    drained(worker.add_base(pair, "owner/slow", "data", {}))
    assert worker.table(pair).rows[-1].error == "gone"


def test_measuring_comes_first_and_a_pair_that_is_not_there_leaves_no_table(pair, tmp_path):
    settings = SimpleNamespace(home=tmp_path, data="porsche")
    services = SimpleNamespace(
        settings=settings, opening=SimpleNamespace(run=None),
        auth=SimpleNamespace(looks=lambda request, nonce: None))
    service = SimpleNamespace(services=services, pair=lambda visitor, run: pair)
    seen = [html for html, _ in shown_table(service, AlternativesService(tmp_path))(None, "", "")]
    assert len(seen) == 2 and "being measured" in seen[0] and "BM25+Base" in seen[1]
    assert source_of(service, None, pair, "") == "porsche"

    def refused(visitor, run):
        raise ValueError("not there")

    service.pair = refused
    assert [html for html, _ in shown_table(service, AlternativesService(tmp_path))(
        None, "", "")] == [""]


def test_a_base_must_be_named():
    assert named_base(" owner/name ") == "owner/name"
    with pytest.raises(ValueError, match="Name a base model"):
        named_base("  ")


def test_the_command_measures_every_question():
    line = AlternativesService(None).command("owner/x", "data")
    assert line[1:4] == ["-m", "train", "evaluate"] and "--per-query" in line


def test_merges_of_the_run_stand_in_the_table_and_one_not_made_says_so(pair, tmp_path):
    worker = AlternativesService(tmp_path)
    made = create_run(tmp_path / "runs", "r")
    made.update(status="done", seconds=60.0)
    assert "not made yet" in worker.table(pair, made).rows[-1].error
    merge = create_run(tmp_path / "runs", "merge")
    merge.update(status="done", seconds=70.0, merged={"alpha": 0.8, "run": made.id})
    merge.write_per_query(pair.evidence.as_rows())
    row = worker.table(pair, made).rows[-1]
    assert (row.name, row.seconds) == ("Fine-tuned merged with Base, alpha 0.8", 70.0)
    assert row.judged == pair.evidence.tuned and not row.free and row.bytes
