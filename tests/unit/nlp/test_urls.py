"""Two links to one article share a canonical URL; two articles never do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.urls import canonical_url, registrable_domain


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTP://Example.COM:80", "http://example.com/"),
        ("https://example.com:443/a#part", "https://example.com/a"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://user:secret@example.com/", "https://example.com/"),
        ("https://example.com./a", "https://example.com/a"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
        ("https://example.com/%7euser/%c3%a4%2f", "https://example.com/~user/%C3%A4%2F"),
        ("https://example.com/100%", "https://example.com/100%25"),
        ("https://example.com/a b", "https://example.com/a%20b"),
        ("https://[2001:DB8:0::1]/", "https://[2001:db8::1]/"),
        ("  https://example.com/ ", "https://example.com/"),
    ],
)
def test_one_address_has_one_form(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("utm_source=x&utm_Medium=y&fbclid=1&gclid=2&ref_src=z", ""),
        ("v=X&utm_source=x", "?v=X"),
        ("id=7&b=2&a=1", "?a=1&b=2&id=7"),
        ("%75tm_source=x&id=1", "?id=1"),
        ("tag=b&tag=a", "?tag=a&tag=b"),
        ("empty=&flag", "?empty=&flag"),
        ("q=a+b%26c", "?q=a+b%26c"),
        ("gclidless=1", "?gclidless=1"),
        ("itm_campaign=x&campaign_source=y&p=1", "?p=1"),
        ("_hsmi=1&__hssc=2&mc_tc=3&sc_cid=4&id=5", "?id=5"),
        ("CMP=share_btn&page=2", "?page=2"),
        ("a=1&amp;b=2&amp;amp;utm_term=z", "?a=1&b=2"),
        ("amp;utm_term=z&amp;a=1", "?a=1"),
        ("a=1?utm_source=rss", "?a=1"),
        ("PHPSESSID=0f0f&a=1", "?a=1"),
        ("example=1&amplitude=2", "?amplitude=2&example=1"),
    ],
)
def test_only_tracking_parameters_are_removed(query: str, kept: str) -> None:
    assert canonical_url(f"https://example.com/watch?{query}") == f"https://example.com/watch{kept}"


def test_a_session_in_the_path_is_removed() -> None:
    url = "https://example.com/news/story;jsessionid=A1B2.node3?id=4"
    assert canonical_url(url) == "https://example.com/news/story?id=4"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://" + "é" * 5_000_000 + "/",
        "example.com/a",
        "/a",
        "ftp://example.com/",
        "https://",
        "https:///a",
        "javascript:alert(1)",
        "https://exa mple.com/",
        "https://example.com:99999/",
        "https://[::1/",
        "mailto:a@b.example",
    ],
)
def test_anything_but_an_absolute_web_address_is_rejected(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical_url(url)


_TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=30)


@given(path=_TEXT, query=_TEXT, fragment=_TEXT)
def test_canonicalising_twice_changes_nothing(path: str, query: str, fragment: str) -> None:
    once = canonical_url(f"https://Example.com/{path}?{query}#{fragment}")
    assert canonical_url(once) == once


@given(st.text(max_size=60))
def test_any_text_is_either_a_url_or_a_value_error(text: str) -> None:
    try:
        once = canonical_url(text)
    except ValueError:
        return
    assert canonical_url(once) == once


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://www.northwire.example/a", "northwire.example"),
        ("https://news.bbc.co.uk/", "bbc.co.uk"),
        ("https://co.uk/", "co.uk"),
        ("https://www.gov.uk/", "www.gov.uk"),
        ("http://127.0.0.1:8000/", "127.0.0.1"),
        ("http://[::1]/", "::1"),
        ("http://localhost/", "localhost"),
        ("https://WWW.Bücher.example/", "xn--bcher-kva.example"),
    ],
)
def test_the_registrable_domain(url: str, domain: str) -> None:
    assert registrable_domain(url) == domain
