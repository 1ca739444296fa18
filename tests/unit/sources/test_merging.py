"""One list from several: each article once, nobody crowded out, whoever found it named."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from nlp.urls import canonical_url
from tasks.jobs.outcome import Candidate
from tasks.sources.search import merge_candidates


def finds(source: str, *urls: str) -> list[Candidate]:
    return [Candidate(url=url, source=source) for url in urls]


def test_what_several_found_is_one_candidate_with_all_their_names() -> None:
    lists = [
        finds("a", "https://x.example/1", "https://x.example/1?utm_source=a"),
        finds("b", "https://x.example/2", "https://x.example/1"),
        finds("c", "https://X.example/1#top"),
    ]
    one, other = merge_candidates(lists)
    assert (one.url, one.sources) == ("https://x.example/1", ("a", "c", "b"))
    assert (other.url, other.sources) == ("https://x.example/2", ("b",))


def test_of_one_place_what_more_found_comes_first() -> None:
    lists = [
        finds("a", "https://x.example/1", "https://x.example/4"),
        finds("b", "https://x.example/2", "https://x.example/5"),
        finds("c", "https://x.example/3", "https://x.example/2"),
    ]
    assert [one.url[-1] for one in merge_candidates(lists)] == ["2", "1", "3", "4", "5"]


def test_the_title_is_whoever_has_one() -> None:
    links = Candidate(url="https://x.example/1", source="b", title="Wind")
    (one,) = merge_candidates([finds("a", "https://x.example/1"), [links]])
    assert (one.source, one.title) == ("a", "Wind")


def test_what_is_no_url_is_left_out() -> None:
    assert merge_candidates([finds("a", "not a url", "https://[broken"), []]) == []


urls = st.sampled_from([f"https://x.example/{number}" for number in range(6)])


@given(st.lists(st.lists(urls, max_size=8), max_size=4))
def test_every_article_is_there_once_and_no_source_waits(lists: list[list[str]]) -> None:
    links = [finds(str(which), *found) for which, found in enumerate(lists)]
    result = merge_candidates(links)
    keys = [canonical_url(one.url) for one in result]
    assert len(set(keys)) == len(keys)
    assert set(keys) == {canonical_url(url) for found in lists for url in found}
    for one in result:
        finders = {str(which) for which, found in enumerate(lists) if one.url in found}
        assert set(one.sources) == finders
        assert len(one.sources) == len(finders)
    # What some source has in its nth place is among the first n rows of all.
    for found in lists:
        for place, url in enumerate(found):
            assert keys.index(canonical_url(url)) < (place + 1) * len(lists)


def test_a_stored_candidate_of_an_earlier_release_is_read() -> None:
    stored = b'{"url":"https://x.example/1","source":"gdelt","title":null}'
    assert msgspec.json.decode(stored, type=Candidate).sources == ("gdelt",)
    given_url = b'{"url":"https://x.example/1","source":null,"title":null}'
    assert msgspec.json.decode(given_url, type=Candidate).sources == ()


def test_a_candidate_is_stored_with_no_more_than_it_says() -> None:
    one = Candidate(url="https://x.example/1", source="a", also_found_by=("b",))
    encoded = msgspec.json.encode(one)
    assert msgspec.json.decode(encoded, type=Candidate) == one
    assert msgspec.json.encode(Candidate(url="https://x.example/1")) == (
        b'{"url":"https://x.example/1"}'
    )
