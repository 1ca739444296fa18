"""Words and sentences are split alike for every score, with a limit on their length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.text.words import (
    MAX_SENTENCE_CHARS,
    MAX_SENTENCE_WORDS,
    MAX_WORD_CHARS,
    sentences,
    stems,
    words,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AI-driven, said Ünal.", ["ai", "driven", "said", "ünal"]),
        ("don’t don't", ["don't", "don't"]),
        ("snake_case 3.5", ["snake", "case", "3", "5"]),
        ("新しい計画", ["新", "し", "い", "計", "画"]),
        ("日本news", ["日", "本", "news"]),
        (" \n\t…", []),
        ("मछली बाज़ार", ["मछली", "बाज़ार"]),
        ("துறைமுகம் திறந்தது", ["துறைமுகம்", "திறந்தது"]),
        ("สะพานเก่า ที่นี่", ["สะพานเก่า", "ที่นี่"]),
        ("הַגֶּשֶׁר נִפְתַּח", ["הַגֶּשֶׁר", "נִפְתַּח"]),
        ("جِسْرٌ می\u200cرود", ["جِسْرٌ", "می\u200cرود"]),
        ("re\u0301sume\u0301", ["résumé"]),
        ("Brücken\xadbau", ["brückenbau"]),
        ("l’administration qu'elle", ["l", "administration", "qu", "elle"]),
        ("צה״ל col·legi", ["צה״ל", "col·legi"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize("long", ["x" * 10_000, "x" + "\u0301\u0323" * 5_000, "मी" * 5_000])
def test_a_long_word_is_split(long: str) -> None:
    assert max(map(len, words(long))) <= MAX_WORD_CHARS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Smith met J. Doe in the U.S. Senate. He left.", 2),
        ('He said "no." She went.', ['He said "no."', "She went."]),
        ("It cost 3.5 dollars. Cheap.", ["It cost 3.5 dollars.", "Cheap."]),
        ("A heading\nThe text.", ["A heading", "The text."]),
        ("Written by J.\nThe text.", ["Written by J.", "The text."]),
        ("一つ。二つ。", ["一つ。", "二つ。"]),
        ("「何！？」と言った。次。", ["「何！？」", "と言った。", "次。"]),
        ("पुल खुला है। बाज़ार बंद है।", ["पुल खुला है।", "बाज़ार बंद है।"]),
        ("هل فتح الجسر؟ نعم فتح.", ["هل فتح الجسر؟", "نعم فتح."]),
        ("پل کھلا ہے۔ بازار بند ہے۔", ["پل کھلا ہے۔", "بازار بند ہے۔"]),
        ("Կամուրջը բացվեց։ Շուկան փակ է։", ["Կամուրջը բացվեց։", "Շուկան փակ է։"]),
        ("ድልድዩ ተከፈተ። ገበያው ተዘጋ።", ["ድልድዩ ተከፈተ።", "ገበያው ተዘጋ።"]),
        ("Abrió. ¿Cuándo? ¡Hoy!", ["Abrió.", "¿Cuándo?", "¡Hoy!"]),
        ("Sie ging. „Ja.“ «Oui.» Non.", ["Sie ging.", "„Ja.“", "«Oui.»", "Non."]),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str] | int) -> None:
    result = sentences(text)
    assert (len(result) if isinstance(expected, int) else result) == expected


@given(st.text(max_size=3000))
def test_no_sentence_is_empty_or_too_long(text: str) -> None:
    for sentence in sentences(text):
        assert sentence
        assert len(sentence) <= MAX_SENTENCE_CHARS
        assert len(sentence.split()) <= MAX_SENTENCE_WORDS


@given(st.lists(st.sampled_from(["one", "two", "three.", "Four", "Dr.", "\n"]), max_size=200))
def test_sentences_lose_no_word(tokens: list[str]) -> None:
    text = " ".join(tokens)
    assert words(" ".join(sentences(text))) == words(text)


def test_forms_of_a_word_have_one_stem() -> None:
    assert stems(["banks", "banking", "bank's"]) == ["bank", "bank", "bank"]
