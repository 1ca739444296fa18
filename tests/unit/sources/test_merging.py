"""One list from several: each article once, with all its sources, and none crowded out."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from nlp.urls import canonical_url
from tasks.jobs.outcome import Candidate
from tasks.sources.search import merge_candidates


def finds(source: str, *urls: str) -> list[Candidate]:
    return [Candidate(url=url, source=source) for url in urls]


def test_an_article_of_several_sources_is_one_candidate_with_all_their_names() -> None:
    lists = [
        finds("a", "https://x.example/1", "https://x.example/1?utm_source=a"),
        finds("b", "https://x.example/2", "https://x.example/1"),
        finds("c", "https://X.example/1#top"),
    ]
    candidate, other = merge_candidates(lists)
    assert (candidate.url, candidate.sources) == ("https://x.example/1", ("a", "c", "b"))
    assert (other.url, other.sources) == ("https://x.example/2", ("b",))


def test_within_a_place_the_candidate_of_more_sources_comes_first() -> None:
    lists = [
        finds("a", "https://x.example/1", "https://x.example/4"),
        finds("b", "https://x.example/2", "https://x.example/5"),
        finds("c", "https://x.example/3", "https://x.example/2"),
    ]
    assert [candidate.url[-1] for candidate in merge_candidates(lists)] == ["2", "1", "3", "4", "5"]


def test_the_title_is_the_first_that_there_is() -> None:
    links = Candidate(url="https://x.example/1", source="b", title="Wind")
    (candidate,) = merge_candidates([finds("a", "https://x.example/1"), [links]])
    assert (candidate.source, candidate.title) == ("a", "Wind")


def test_invalid_urls_are_omitted() -> None:
    assert merge_candidates([finds("a", "not a url", "https://[broken"), []]) == []


urls = st.sampled_from([f"https://x.example/{number}" for number in range(6)])


@given(st.lists(st.lists(urls, max_size=8), max_size=4))
def test_every_article_is_there_once_and_no_source_waits(lists: list[list[str]]) -> None:
    links = [finds(str(which), *found) for which, found in enumerate(lists)]
    result = merge_candidates(links)
    keys = [canonical_url(candidate.url) for candidate in result]
    assert len(set(keys)) == len(keys)
    assert set(keys) == {canonical_url(url) for found in lists for url in found}
    for candidate in result:
        finders = {str(which) for which, found in enumerate(lists) if candidate.url in found}
        assert set(candidate.sources) == finders
        assert len(candidate.sources) == len(finders)
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
