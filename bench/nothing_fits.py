"""How often a weak match is called one, rightly and wrongly.

    python -m bench.nothing_fits --run RUN_DIR --out FILE.json

Over the built-in corpus with Base and a run's model, and over the general collection with Base.
The rule is learned from one half of the questions that nothing was trained on and measured on the
other. Answered: the questions as they are. Unanswered: the same with their answers taken out of the
corpus (near misses), the other collection's questions (off-topic), random letters (nonsense). Rules
that were tried beside it: a cut-off that is the same everywhere; logistic regression on questions
with and without their answers, of the best score, its lead and its z-score. Then the language rule:
questions of both collections, and questions in other languages.
"""

import argparse
import json
import random
import string
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corpus.load import GENERAL, load_corpus
from corpus.records import Corpus
from retrieval.answerable.language import known_languages
from retrieval.answerable.scores import FALSE_ALARMS, usual_scores
from retrieval.encoder import Encoder
from retrieval.index import Index, build_index
from retrieval.models import EMBEDDED_MODEL, load_encoder

FIXED = 0.4
OFF_TOPIC, NONSENSE = 300, 60
FOREIGN = (
    "Wie schnell lädt der Taycan an der Ladesäule?", "Welche Reifen passen auf den Macan?",
    "Darf ich mit dem Cayenne einen Wohnwagen ziehen?", "Was kostet die Inspektion beim 911?",
    "Hat der Boxster vorne einen Kofferraum?", "Warum leuchtet die Motorkontrollleuchte?",
    "Combien de temps faut-il pour charger le Taycan ?", "Quels pneus pour la neige ?",
    "Le Macan électrique peut-il tracter une caravane ?", "Quelle est la garantie de la batterie ?",
    "Où se trouve le numéro de châssis ?", "¿Cuánto tarda en cargar el Taycan?",
    "¿Qué garantía tiene la batería?", "¿Puede el Cayenne remolcar una caravana?",
    "¿Dónde está el número de bastidor?", "neumáticos de invierno para el Macan",
    "Quanto tempo ci vuole per caricare la Taycan?", "Che garanzia ha la batteria?",
    "La Cayenne può trainare una roulotte?", "gomme invernali per la Macan",
    "Hoe snel laadt de Taycan op?", "Mag ik met de Cayenne een caravan trekken?",
    "Welke banden passen op de Macan?", "Jak szybko ładuje się Taycan?",
    "Czy Cayenne może ciągnąć przyczepę?", "Какая гарантия на батарею?",
    "Как быстро заряжается Тайкан?", "タイカンの充電時間はどのくらいですか", "保修期是多久",
    "타이칸 충전 시간은 얼마나 걸리나요", "كم يستغرق شحن تايكان",
    "Quanto tempo demora a carregar o Taycan?", "O Cayenne pode rebocar uma caravana?",
    "Hur snabbt laddar Taycan?", "Kan jag dra en husvagn med Cayenne?",
    "Taycan ne kadar sürede şarj olur?", "Pot remolca o rulotă cu Cayenne?",
    "Jak dlouho se nabíjí Taycan?", "Πόσο γρήγορα φορτίζει το Taycan;",
    "Kuinka nopeasti Taycan latautuu?",
)
Scores = NDArray[np.floating]
"""(queries, passages)."""
Rule = Callable[[Scores], NDArray[np.bool_]]
"""Scores -> whether each query is a weak match."""


def main() -> None:
    """Measure the rules, print them and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="a run on the built-in corpus")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    porsche, general = load_corpus("porsche"), load_corpus(GENERAL)
    base = load_encoder(EMBEDDED_MODEL)
    tuned = load_encoder(str(options.run / "model"))
    result = {
        "Base over the built-in corpus": measured(base, porsche, general, options.cache),
        "Fine-tuned over the built-in corpus": measured(tuned, porsche, general, options.cache),
        "Base over the general collection": measured(
            base, _halved(general), porsche, options.cache),
        "language": language((porsche, general)),
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result, indent=1))


def measured(
    encoder: Encoder, corpus: Corpus, other: Corpus, cache: Path | None
) -> dict[str, dict[str, float]]:
    """The share of each kind of query that each rule calls a weak match."""
    index = build_index(encoder, corpus, cache)
    learned, asked = (_scores(index, corpus, split) for split in ("dev", "test"))
    without, missed = (_without_answers(index, corpus, split) for split in ("dev", "test"))
    far = [query.text for query in list(other.queries.values())[:OFF_TOPIC]]
    kinds = {"answered": asked, "near misses": missed,
             "off-topic": _of(index, far), "nonsense": _of(index, _nonsense())}
    usual = usual_scores(index, encoder.encode_queries(_texts(corpus, "dev")))
    assert usual is not None
    rules: dict[str, Rule] = {
        "place among answered (chosen)": lambda scores: scores.max(axis=1) < usual.least,
        f"fixed cut-off {FIXED}": lambda scores: scores.max(axis=1) < FIXED,
        "logistic on best score": _logistic(learned, without, 1),
        "logistic on best score, lead, z": _logistic(learned, without, 3),
    }
    return {name: {kind: round(float(rule(scores).mean()), 3) for kind, scores in kinds.items()}
            for name, rule in rules.items()} | {"bound": {"score": round(usual.least, 3)}}


def _logistic(answered: Scores, unanswered: Scores, features: int) -> Rule:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def seen(scores: Scores) -> Scores:
        best = -np.sort(-scores, axis=1)
        spread = np.ma.masked_less(scores, -1)
        z = (best[:, 0] - spread.mean(axis=1)) / spread.std(axis=1)
        return np.column_stack([best[:, 0], best[:, 0] - best[:, 1], z])[:, :features]

    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(
        np.vstack([seen(answered), seen(unanswered)]),
        np.repeat([1, 0], [len(answered), len(unanswered)]))
    bound = np.quantile(model.predict_proba(seen(answered))[:, 1], FALSE_ALARMS)
    return lambda scores: model.predict_proba(seen(scores))[:, 1] < bound


def language(collections: tuple[Corpus, ...]) -> dict[str, float]:
    """Queries called foreign, of the collections' own and of foreign ones."""
    own = {f"own questions of {corpus.name}": [query.text for query in corpus.queries.values()]
           for corpus in collections}
    found: dict[str, float] = {}
    for corpus, texts in zip(collections, own.values(), strict=True):
        known = known_languages(corpus)
        assert known is not None
        found[f"own questions of {corpus.name}"] = _share(known.remark, texts)
        found[f"other languages, by {corpus.name}"] = _share(known.remark, FOREIGN)
    return found


def _share(remark: Callable[[str], str], texts: list[str] | tuple[str, ...]) -> float:
    return round(sum(bool(remark(text)) for text in texts) / len(texts), 4)


def _halved(corpus: Corpus) -> Corpus:
    """The test queries in two halves, one to learn from."""
    asked = list(corpus.qrels["test"].items())
    return replace(corpus, qrels={"dev": dict(asked[::2]), "test": dict(asked[1::2])})


def _texts(corpus: Corpus, split: str) -> list[str]:
    return [corpus.queries[query_id].text for query_id in corpus.qrels[split]]


def _of(index: Index, texts: list[str]) -> Scores:
    return index.encoder.encode_queries(texts) @ index.vectors.T


def _scores(index: Index, corpus: Corpus, split: str) -> Scores:
    return _of(index, _texts(corpus, split))


def _without_answers(index: Index, corpus: Corpus, split: str) -> Scores:
    """The scores of a split's queries over the corpus without their answers."""
    scores, places = _scores(index, corpus, split), {pid: n for n, pid in enumerate(index.ids)}
    grades: Mapping[str, int]
    for row, grades in zip(scores, corpus.qrels[split].values(), strict=True):
        row[[places[pid] for pid, grade in grades.items() if grade > 0]] = -9
    return scores


def _nonsense() -> list[str]:
    chance = random.Random(1)

    def word() -> str:
        return "".join(chance.choices(string.ascii_lowercase, k=chance.randint(4, 12)))

    return [f"{word()} {word()}" for _ in range(NONSENSE)]


if __name__ == "__main__":
    main()
