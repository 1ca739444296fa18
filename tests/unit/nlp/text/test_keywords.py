"""Keywords say what an article is about, in its own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.text.keywords import MAX_CHARS, MAX_KEYWORDS, keywords
from nlp.text.stopwords import stopwords
from tests.unit.nlp.samples import prose

PLAGUE = (
    "A hunter in Inner Mongolia has caught bubonic plague after eating a wild rabbit. "
    "Two people from the same region were told they had pneumonic plague, doctors said. "
    "The patient caught bubonic plague at a quarry in Inner Mongolia and is in hospital. "
    "Li Wei, the doctor who saw the patient first, said bubonic plague can be treated. "
    "Wei added that pneumonic plague is worse. Wei will now look for other cases."
)


def test_keywords_are_repeated_phrases_and_names_as_in_the_text() -> None:
    result = keywords("Hunter catches plague from wild rabbit", PLAGUE, "en")
    assert {"bubonic plague", "pneumonic plague", "Inner Mongolia", "wild rabbit"} <= set(result)


def test_a_surname_counts_for_the_full_name() -> None:
    result = keywords("", PLAGUE, "en")
    assert "Li Wei" in result
    assert "Wei" not in result


def test_keywords_do_not_overlap() -> None:
    result = keywords("Hunter catches plague", PLAGUE, "en")
    assert "plague" not in result
    assert "Mongolia" not in result
    assert len({word.casefold() for word in result}) == len(result)


def test_rare_words_come_before_frequent_ones() -> None:
    text = "The methane group met. The methane group left. The group of methane works. A group."
    result = keywords("", text, "en")
    assert result[0].startswith("methane")


def test_words_of_the_title_rank_higher() -> None:
    text = "The harbour and the turbine are old. Both the turbine and the harbour were sold."
    assert keywords("A harbour", text, "en")[0] == "harbour"
    assert keywords("A turbine", text, "en")[0] == "turbine"


def test_a_weak_word_is_part_of_a_keyword_but_not_one_alone() -> None:
    text = "On Black Friday prices fall. Each Friday is a day. Black Friday lasts a day."
    result = keywords("", text, "en")
    assert "Black Friday" in result
    assert not {"Friday", "day"} & set(result)


def test_a_name_is_not_cut_in_two() -> None:
    text = (
        "He wrote to the Fund for Wild Birds and Small Bats. The New York State Attorney General "
        "said so. Then the New York State Attorney General left."
    )
    result = keywords("", text, "en")
    assert "New York State Attorney General" in result
    assert not {"York State", "York State Attorney General"} & set(result)


def test_addresses_numbers_and_contractions_are_not_keywords() -> None:
    text = (
        "See https://t.example/abc now. Write to me@post.example. It didn't sell 300 or 4,000. " * 3
    )
    assert keywords("", text, "en") == ()


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Die Brücke wird gesperrt. Über die Brücke fährt man nicht mehr.", "Brücke"),
        ("ru", "Мост закрыт. Через этот мост не ездят. Мост будет открыт.", "мост"),
        ("xx", "Zilta kap moru. Kap zilta nen. Zilta kap.", "zilta"),
    ],
)
def test_other_languages_have_keywords_without_their_stopwords(
    language: str, text: str, expected: str
) -> None:
    result = keywords("", text, language)
    assert result[0].casefold() == expected.casefold()
    assert not stopwords(language).delimiters & set(result)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ja", "新しい計画 plan が発表された。"),
        ("zh", "新计划"),
        (None, "新しい計画が発表された。"),
    ],
)
def test_languages_without_spaces_have_no_keywords(language: str | None, text: str) -> None:
    assert keywords("", text * 20, language) == ()


def test_the_same_article_has_the_same_keywords() -> None:
    assert keywords("Bridge", prose(3), "en") == keywords("Bridge", prose(3), "en")


@given(st.text(max_size=800), st.sampled_from(["en", None, "de", "ko", "xx"]))
def test_any_text_has_at_most_ten_and_each_is_in_the_text(text: str, language: str | None) -> None:
    result = keywords("", text, language)
    assert len(result) <= MAX_KEYWORDS
    folded = text.replace("’", "'").casefold()
    for keyword in result:
        assert keyword.strip()
        assert keyword.casefold() in folded


@pytest.mark.parametrize(
    "text", ["x" * 50_000, "." * 50_000, "U." * 50_000, "a-" * 50_000, "Ab" * 50_000]
)
def test_a_text_without_spaces_has_no_overlong_keyword(text: str) -> None:
    assert all(len(keyword) <= MAX_CHARS for keyword in keywords("", text, "en"))
