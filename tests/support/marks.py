"""Which sentence of some texts is nearest to a query, as Compare marks it."""

from corpus.records import Corpus, Passage
from retrieval.index import build_index


def nearest_sentences(encoder, query, texts):
    corpus = Corpus("texts", tuple(Passage(f"p{i:03}", text) for i, text in enumerate(texts)), {})
    index = build_index(encoder, corpus, sentences=True)
    asked = encoder.encode_queries([query])[0]
    return [index.sentences.nearest(i, text, asked) for i, text in enumerate(texts)]
