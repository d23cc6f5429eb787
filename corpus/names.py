"""What columns are called.

Usual names of questions and answers, in many languages.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

ANCHOR_NAMES = ("anchor", "question", "query")
POSITIVE_NAMES = ("positive", "answer", "passage", "context", "document")
OTHER_QUESTIONS = """frage fragen kundenfrage anfrage suchanfrage suche suchbegriff
    requete pregunta preguntas consulta domanda domande pergunta perguntas vraag vragen
    fraga fragor spørgsmål spørsmål kysymys kysymykset pytanie pytania otazka otazky soru sorular
    kerdes intrebare pitanje pertanyaan cauhoi spurning ερωτηση вопрос вопросы питання въпрос
    שאלה سؤال السؤال प्रश्न คำถาม 问题 問題 质问 質問 질문""".split()
OTHER_ANSWERS = """antwort antworten textabschnitt absatz dokument
    reponse reponses respuesta respuestas risposta risposte resposta respostas antwoord antwoorden
    svar vastaus vastaukset odpowiedz odpowiedzi odpoved odpovedi cevap cevaplar valasz raspuns
    odgovor jawaban traloi απαντηση ответ ответы відповідь отговор תשובה جواب الجواب إجابة الإجابة
    उत्तर คำตอบ 答案 回答 解答 답변""".split()
ALIASES = {
    "anchor": (*ANCHOR_NAMES, *"""questions queries q search searchquery searchterm userquery
        userquestion questiontitle questiontext questionbody querytext anchortext question1
        query1 sentence1
        sentencea text1 texta q1 s1 premise prompt instruction instructions utterance utterances
        patterns trainingphrases phrases userinput usermessage ask faqquestion fragetext
        fragestellung problem 1string
        """.split(), *OTHER_QUESTIONS, "input", "inputs"),
    "positive": (*POSITIVE_NAMES, *"""pos positives positivepassage positivepassages positivetext
        positivedoc positivectxs positivectx positivecontext positivecontexts relevantpassages
        chosen groundtruth groundtruths referenceanswer goldanswer correctanswer finalanswer
        answers answertext bestanswer acceptedanswer response responses reply replies output
        completion expectedoutput passagetext contexts documenttext documents passages doc docs
        chunk paragraph question2 query2 sentence2 sentenceb text2 textb q2 s2 hypothesis relevant
        target targets outputs reference solution resolution losung text content body
        description abstract article beschreibung inhalt story producttitle sentence 2string
        ans""".split(), *OTHER_ANSWERS),
    "score": tuple("""score scores similarity similarityscore sim simscore cosine cosinesimilarity
        relevance relevancescore rating grade bewertung punktzahl ahnlichkeit""".split()),
    "topic": tuple("""topic category class theme subject intent tag section kategorie thema rubrik
        categorie categoria tema onderwerp""".split()),
}
"""What columns are called that hold it, as `compact` leaves a name; the earlier goes first."""
LABELS = tuple("""label labels islabel isduplicate duplicate duplicates similar issimilar goldlabel
    relevance relevant isrelevant relevancelabel relevancejudgement judgement judgment ismatch match
    correct iscorrect isanswer ispositive ispair esci escilabel binarylabel classlabel paraphrase
    isparaphrase entailment entailmentjudgment target grade rating score similarity
    pairlabel y quality passend zutreffend richtig korrekt duplikat doppelt ahnlich relevanz treffer
    pertinent pertinente pertinence correcte doublon similaire etiquette correcto correcta
    relevante relevancia etiqueta duplicado corretto corretta rilevante rilevanza etichetta
    etikett метка релевантность 标签 相关 相关性 ラベル 関連""".split())
"""What columns are called that say whether a row is a pair, if their values say so too."""
SURELY_LABELS = frozenset(LABELS) - {"target", "relevant", "grade", "rating", "score", "similarity",
                                     "duplicates", "match", "y", "quality"}
"""Those that are one even where the first rows all say the same."""
WITHIN = {
    "anchor": ("question", "questions", "query", "queries", "anchor", "prompt", "utterance",
               *OTHER_QUESTIONS),
    "positive": ("positive", "answer", "answers", "response", "reply", "passage", "passages",
                 "context", "contexts", "document", "paragraph", "chunk", *OTHER_ANSWERS),
}
"""Words that tell what a column holds as part of its name: “User Question”, “Final Answer”."""
COMPOUND = ("frage", "antwort", "vraag", "antwoord", "fraga")
"""Words that end a compound: “Kundenfrage”."""
WITH = frozenset("of from by des der vom von du de del da della van fra av från przez".split())
PLAIN = frozenset("text txt body content contents string str value raw clean cleaned original full "
                  "1".split())
"""What stands behind a word without making it another: “question_text”, “Answer 1”."""
NEGATIVE = re.compile(
    r"(hard)?neg(ative)?s?(passage|doc|document|text|answer|sample|ctx|context|candidate)?s?\d{0,3}"
    r"|rejected|falscheantwort(en)?\d{0,3}|wronganswers?\d{0,3}|incorrectanswers?\d{0,3}"
    r"|distractors?\d{0,3}|sentence3|text3|negativ[eo]?s?\d{0,3}")
ABOUT = frozenset("""id ids type kind score scores date time start end count number url link
    author user source length category title status rating votes views rank index tags topic lang
    language date datum fecha data tipo typ nummer numero total key hash embedding vector entity
    entities no nr""".split())
"""What is about a question or an answer, and is none: “question type”."""
LESS = 10
"""Places that “question body” stands behind “question title”."""
LANGUAGES = {
    code: names[0] for names in (line.split() for line in """en eng english englisch
        de deu ger german deutsch
        fr fra fre french francais
        es spa spanish espanol
        it ita italian italiano
        pt por br portuguese portugues
        nl nld dut dutch
        da dk dan danish dansk
        sv se swe swedish svenska
        nb nor norwegian norsk
        fi fin finnish suomi
        pl pol polish polski
        cs cz ces czech
        sk slk slovak
        hu hun hungarian
        ro ron romanian
        bg bul bulgarian
        el gre greek
        tr tur turkish
        ru rus russian
        uk ukr ukrainian
        ar ara arabic
        he heb hebrew
        hi hin hindi
        zh zho cn chi chinese
        ja jpn jp japanese
        ko kor kr korean
        vi vie vietnamese
        th tha thai
        id ind indonesian""".splitlines()) for code in names if code != "id"
}
WORDS = re.compile(r"[^\W_]+")
CAMEL = re.compile(r"(?<=[a-zß-ÿ\d])(?=[A-ZÀ-Þ])")
LONGEST = 80


@lru_cache(1024)
def compact(name: str) -> str:
    """A name without case, accents, spaces and signs.

    “Réponse_1” and “reponse 1” are one.
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(mark for mark in plain if mark.isalnum())


@lru_cache(1024)
def language_of(name: str) -> str:
    """The language that a name ends or begins with ("question_en").

    Empty for none.
    """
    words = _words(name)
    if len(words) < 2:
        return ""
    return LANGUAGES.get(words[-1]) or LANGUAGES.get(words[0]) or ""


def without_language(name: str) -> str:
    """A column's name without the word for its language."""
    words = _words(name)
    return "".join(word for word in words if len(words) < 2 or word not in LANGUAGES)


@lru_cache(4096)
def rank(name: str, role: str) -> tuple[int, int] | None:
    """How surely a name gives a column its role.

    The lowest is the surest; None where it does not. The place of the word among those of the role,
    and whether it is only part of the name.
    """
    if len(name) > LONGEST:
        return None
    places = _places(role)
    if (whole := places.get(compact(name))) is not None:
        return whole, 0
    words = [word for word in _words(name) if word not in LANGUAGES or len(_words(name)) == 1]
    cut = 0
    while len(words) > 1 and words[-1] in PLAIN:
        cut = LESS if words[-1] in ("body", "content", "contents") else cut
        words.pop()
    if not words or role not in WITHIN:
        return None
    if "".join(words) in places:
        return places["".join(words)] + cut, 1
    if len(words) > 2 and words[1] in WITH and words[0] in _within(role):
        return places[words[0]], 2
    if words[-1] in _within(role):
        return places[words[-1]] + cut, 2
    if words[0] in _within(role) and len(words) == 2 and words[1] not in ABOUT:
        return places[words[0]], 3  # “Réponse finale”
    ending = next((word for word in COMPOUND if words[-1].endswith(word)), "")
    return (places[ending], 2) if ending in _within(role) else None


def ranked(names: Sequence[str], role: str) -> list[str]:
    """Names of columns for a role, the surest first."""
    found = [(place, number, name) for number, name in enumerate(names)
             if (place := rank(name, role))]
    if not found and role == "positive":
        letters = {name: without_language(name) for name in names}
        if {"q", "a"} <= set(letters.values()):
            return [name for name in names if letters[name] == "a"]
    return [name for _, _, name in sorted(found)]


def known_names(names: Iterable[str]) -> list[str]:
    """The column names that are usual for their content."""
    known = {alias for role in ALIASES for alias in _places(role)}
    return [name for name in names
            if len(name) <= LONGEST and (compact(name) in known
                                         or NEGATIVE.fullmatch(compact(name)))]


def names_pair(names: Sequence[str]) -> bool:
    """Whether names of question and answer are both there.

    Two of them.
    """
    names = [str(name) for name in names]
    anchors, positives = ranked(names, "anchor"), ranked(names, "positive")
    return any(one != other for one in anchors for other in positives)


def first_called(names: Iterable[str], wanted: Sequence[str]) -> str:
    """The first column spelt like a wanted name.

    Empty where none is.
    """
    by_compact: dict[str, str] = {}
    for name in names:
        if len(name) <= LONGEST:
            by_compact.setdefault(compact(name), name)
    return next((by_compact[alias] for alias in map(compact, wanted) if alias in by_compact), "")


def _words(name: str) -> list[str]:
    """The words of a name, also of one in camel case, without accents."""
    return [compact(word) for word in WORDS.findall(CAMEL.sub(" ", name[:LONGEST]))]


@lru_cache
def _places(role: str) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, alias in enumerate(ALIASES[role]):
        places.setdefault(compact(alias), place)
    return places


@lru_cache
def _within(role: str) -> frozenset[str]:
    return frozenset(map(compact, WITHIN[role]))
