"""Prompts of a model.

Those its authors publish, and whether it does better with them. A side at its best: a model with
its prompts and without, chosen between on dev.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from corpus.records import Corpus

from .encoder import SentenceTransformerEncoder
from .evaluation import evaluate, means
from .index import Index
from .metrics import PRIMARY

CHOSEN_ON = "dev"

Side = tuple[Index, SentenceTransformerEncoder]

Prompts = dict[str, str]
"""What is put before a `query` and before a `passage`, "" for nothing."""

_SEARCHING = "Represent this sentence for searching relevant passages: "
_INSTRUCT = ("Instruct: Given a web search query, retrieve relevant passages that answer the "
             "query\nQuery:")
PUBLISHED: tuple[tuple[str, str, str], ...] = (
    # From the models' own cards: which models by Hub id, before a query, before a passage.
    (r"intfloat/(multilingual-)?e5-(small|base|large)(-v2|-unsupervised)?", "query: ", "passage: "),
    (r"intfloat/(multilingual-e5-large|e5-mistral-7b)-instruct", _INSTRUCT + " ", ""),
    (r"BAAI/bge-(small|base|large)-en(-v1\.5)?", _SEARCHING, ""),
    (r"BAAI/bge-(small|base|large)-zh(-v1\.5)?", "为这个句子生成表示以用于检索相关文章：", ""),
    (r"Alibaba-NLP/gte-Qwen(1\.5|2)-(1\.5B|7B)-instruct", _INSTRUCT + " ", ""),
    (r"nomic-ai/(nomic-embed-text-v(1|1\.5|2-moe)|modernbert-embed-base)",
     "search_query: ", "search_document: "),
    (r"Snowflake/snowflake-arctic-embed-(xs|s|m|m-long|l|m-v1\.5)", _SEARCHING, ""),
    (r"Snowflake/snowflake-arctic-embed-(m|l)-v2\.0", "query: ", ""),
    (r"mixedbread-ai/mxbai-embed-large-v1", _SEARCHING, ""),
    (r"mixedbread-ai/deepset-mxbai-embed-de-large-v1", "query: ", "passage: "),
    (r"Qwen/Qwen3-Embedding-(0\.6|4|8)B", _INSTRUCT, ""),
    (r"google/embeddinggemma-300m.*", "task: search result | query: ", "title: none | text: "),
    (r"jinaai/jina-embeddings-v3(-hf)?",
     "Represent the query for retrieving evidence documents: ",
     "Represent the document for retrieval: "),
    (r"jinaai/jina-embeddings-v5-(text|omni)-(nano|small)(-retrieval)?", "Query: ", "Document: "),
    # Published to be used without: gte-small/base/large and their v1.5, gte-modernbert-base,
    # gte-multilingual-base, bge-m3, jina-embeddings-v2.
)


def published_prompts(names: Iterable[str]) -> Prompts:
    """The published search prompts of a model.

    By its authors; {} where none are known. names: what may tell which model it is, its Hub id or
    where a folder of it came from. What has no owner before its name is compared by the name alone.
    """
    for name in names:
        parts = [part for part in name.replace("\\", "/").split("/") if part]
        for pattern, query, passage in PUBLISHED:
            owner, _, model = pattern.partition("/")
            by_id = re.fullmatch(pattern, "/".join(parts[-2:]), re.IGNORECASE)
            by_name = len(parts) == 1 and re.fullmatch(model, parts[0], re.IGNORECASE)
            if by_id or by_name:
                return {"query": query, "passage": passage}
    return {}


def names_of_folder(folder: Path, config: dict[str, Any]) -> list[str]:
    """Names that may tell which Hub model a folder holds.

    From the cache, the configuration, and its own name.
    """
    names = [part.removeprefix("models--").replace("--", "/") for part in folder.resolve().parts
             if part.startswith("models--")]
    if isinstance(known := config.get("_name_or_path"), str):
        names += [known, known.rstrip("/").rpartition("/")[2]]
    return [*names, folder.resolve().name]


def other_way(encoder: SentenceTransformerEncoder) -> SentenceTransformerEncoder | None:
    """The same model without its prompts, or with.

    None if it has none.
    """
    if not any(encoder.prompts.values()):
        return None
    return encoder.with_prompts(not encoder.prompted)


def fairer(one: Side, other: Side, corpus: Corpus) -> tuple[Side, dict[str, Any]]:
    """The better of two ways to prompt one model.

    And what the record says of the choice. One is with its prompts and the other without; ties go
    to the prompts, as its authors have it.
    """
    scores = {side[1].prompted: means(evaluate(side[0], corpus, CHOSEN_ON))[PRIMARY]
              for side in (one, other)}
    used = scores[True] >= scores[False]
    side = one if one[1].prompted == used else other
    return side, {**one[1].prompts, "used": used, "with": scores[True], "without": scores[False]}


def at_its_best(
    encoder: SentenceTransformerEncoder,
    corpus: Corpus,
    build: Callable[[SentenceTransformerEncoder], Index],
) -> tuple[Side, dict[str, Any] | None]:
    """A model's index with its better prompts, and the choice.

    None if there was none to make. build: encodes the corpus, a second time only where passages
    have a prompt.
    """
    side = build(encoder), encoder
    other = other_way(encoder)
    if other is None or not corpus.qrels.get(CHOSEN_ON):
        return side, None
    return fairer(side, (as_other(side[0], other) or build(other), other), corpus)


def as_other(index: Index, other: SentenceTransformerEncoder) -> Index | None:
    """The index prompted the other way.

    If its passages have the same vectors.
    """
    if index.encoder.fingerprint != other.fingerprint:
        return None
    return replace(index, encoder=other)
