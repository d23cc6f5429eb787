"""The source that a job is sent: its code, and the files that the code reads."""

from support.services import ROOT
from train.engines.jobs.bundle import _source


def test_a_job_is_sent_the_templates_that_its_card_is_written_with():
    sent = {place.removeprefix("tandem/") for place, _ in _source(with_corpus=False)}
    files = {path.relative_to(ROOT).as_posix() for ending in ("py", "j2", "css")
             for path in (ROOT / "train").rglob(f"*.{ending}")}
    assert {"train/report/report.html.j2", "train/report/style.css"} <= files
    assert files <= sent
