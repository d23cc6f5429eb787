"""How the models that answer questions are served."""

import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.index import build_index
from support.fakes import HashingEncoder, small_corpus
from ui.services.model_pair import ModelPair

HOUSE = Path(__file__).resolve().parents[3]
WITHOUT_TORCH = """
import sys
from pathlib import Path
from corpus.load import load_corpus
from retrieval.fast.load import load_served
from retrieval.index import build_index
from retrieval.models import EMBEDDED_MODEL
from ui.services.model_pair import ModelPair

corpus, home = load_corpus("porsche"), Path(sys.argv[1])
encoder = load_served(EMBEDDED_MODEL, cache=home)
pair = ModelPair(corpus, build_index(encoder, corpus, home, sentences=True))
hits = pair.compare("does the boxster have a frunk").base.hits
assert len(hits) == 5 and any(hit.nearest for hit in hits)
sys.exit("torch" in sys.modules or "sentence_transformers" in sys.modules)
"""


def pair(base, tuned):
    corpus = small_corpus()
    return ModelPair(corpus, build_index(base, corpus), build_index(tuned, corpus))


def test_the_page_says_why_a_side_is_not_answered_in_its_fast_form():
    slow = HashingEncoder("slow", salt="x")
    slow.plain = "its model_type is 'mpnet', not 'bert'"
    assert pair(HashingEncoder(), HashingEncoder("other", salt="y")).slow == ""
    said = pair(HashingEncoder(), slow).slow
    assert "Fine-tuned (its model_type is 'mpnet', not 'bert')" in said and "Base" not in said
    assert "Base (its" in pair(slow, slow).slow


@pytest.mark.slow
def test_the_first_answer_of_an_empty_home_needs_no_torch(tmp_path):
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)], cwd=HOUSE,
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("*.npy"))
