"""The title of a page is its own, without the name of the site."""

from __future__ import annotations

import json

import pytest

from nlp.extraction.linked_data import linked_article
from nlp.extraction.markup import bounded, parse
from nlp.extraction.metadata import meta_contents
from nlp.extraction.titles import title_of

TITLE = "A bridge is opened"
URL = "https://www.northwire.example/bridge"


def title(head: str, body: str = f"<h1>{TITLE}</h1>", url: str = URL) -> str | None:
    html = f"<html><head>{head}</head><body>{body}<p>Text</p></body></html>"
    tree = parse(html)
    assert tree is not None
    linked = linked_article(tree)
    tree = bounded(tree, len(html))
    return title_of(tree, meta_contents(tree), linked, url)


def og(text: str, site: str = "Northwire") -> str:
    declared = {"og:title": text, "og:site_name": site}
    return "".join(f'<meta property="{name}" content="{declared[name]}">' for name in declared)


def linked(**parts: str) -> str:
    return (
        f'<script type="application/ld+json">{json.dumps({"@type": "Article", **parts})}</script>'
    )


@pytest.mark.parametrize(
    "head",
    [
        og(f"{TITLE} | Northwire"),
        og(f"{TITLE} - NORTHWIRE"),
        og(f"{TITLE} – Northwire Culture"),
        og(f"Northwire | {TITLE}") + f"<title>{TITLE}</title>",
        og(f"{TITLE} - Northwire", site="Northwire Inc"),
        og("Northwire") + f"<title>{TITLE} | Northwire</title>",
        og("Latest news of today") + f"<title>{TITLE} | Northwire</title>",
        f"<title>{TITLE} | The Northwire</title>",
        f"<title>News | {TITLE}</title>",
        f"<title>{TITLE}</title>" + linked(headline="Site entry", name="Other"),
        f"<title>{TITLE} - Wiki</title>" + linked(headline="Wiki list article", name=TITLE),
        f'<title>x</title><meta property="dc:title other:title" content="{TITLE}">',
    ],
)
def test_the_name_of_the_site_is_no_part_of_it(head: str) -> None:
    assert title(head) == TITLE


@pytest.mark.parametrize("body", ["", "<h1>Lorem</h1>"])
@pytest.mark.parametrize("end", ["", " | Northwire", " – My news"])
def test_without_a_heading_the_title_of_the_document_is_taken(body: str, end: str) -> None:
    assert title(f"<title>{TITLE}{end}</title>", body) == TITLE


def test_a_heading_in_a_menu_is_not_the_title() -> None:
    menu = '<nav><h1><a href="/m">Magazine: a story</a></h1></nav>'
    assert title(f"<title>{TITLE} - Al Echo</title>", f"{menu}<h2>{TITLE}</h2>") == TITLE


def test_without_any_other_title_the_first_heading_is_taken() -> None:
    assert title("", f"<h1>{TITLE}</h1>") == TITLE
    assert title("", "<p>none</p>") is None


@pytest.mark.parametrize("text", ["Apple - Apple", "Who are we?", "C++ | C", "A: b", "Northwire"])
def test_a_title_is_never_cut_to_nothing(text: str) -> None:
    assert title(f"<title>{text}</title>", "")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["a | ", "| ", "_", "- - ", "a_b", ": "])
def test_a_title_of_separators_is_read_in_time(piece: str) -> None:
    for _ in range(20):
        title(
            og(piece * 5_000, site="a") + f"<title>{piece * 5_000}</title>",
            f"<h1>{piece * 5000}</h1>",
        )
