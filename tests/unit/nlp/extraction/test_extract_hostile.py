"""Pages made to crash or to stall extraction: each is read or rejected, within its limits.

`scripts/bench fuzz` measures the same at full size; here the time-out of the test is far above the
time needed, and far below that of a quadratic step.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings

from nlp.analysis import Rejection
from nlp.article import Article, Page
from nlp.extraction.extract import extract
from nlp.extraction.markup import MAX_DEPTH, MAX_ELEMENTS, MAX_TREE_CHARS, bounded, parse
from tests.bench.made_up import MADE_UP
from tests.bench.mutations import mutated
from tests.sampleweb.catalogue import ARTICLES
from tests.sampleweb.pages import article_page
from tests.unit.nlp.samples import NOW, html, page, prose

ARABIC = "كان المجلس قد افتتح الجسر بعد العاصفة، وقال الشهود إن السوق بقي مفتوحا طوال اليوم. "
CHINESE = "市议会在暴风雨后重新开放了这座桥，目击者说市场整天都开着。"
FINNISH = "Kaupunginvaltuusto avasi sillan myrskyn jälkeen, ja tori pysyi todistajien mukaan auki. "
SIZE = 60_000


def run(piece: str, around: str = "{}") -> Page:
    text = piece * (SIZE // len(piece))
    return page("<html><head><title>T</title></head><body>" + around.format(text))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "hostile",
    [
        run("<div>"),
        run("<ul><li>text "),
        run("<table><tr><td>text "),
        run('<div style="display:none">text</div>'),
        run('<div class="share-x">x</div>text '),
        run('<td rowspan="60000" colspan="60000">x</td>', "<table><tr>{}</tr></table>"),
        run('<a href="/a/b">one two three four five</a> ', "<div>" * 60 + "{}"),
        run('<span><a href="/a">x</a><a href="/b">y</a><a href="/c">z</a></span>', "<p>text {}"),
        run('<blockquote class="twitter-tweet"><p>words of a post</p></blockquote>'),
        run("/", "<!DOCTYPE {}"),
        run("a ", "<p {}=1>text"),
        run("<!--", '<meta name="author" content="{}">'),
        run("<", '<meta property="og:title" content="{}">'),
        run('{"@graph":', '<script type="application/ld+json">{}</script>'),
        run("share- ", '<div class="{}">text</div>'),
        run("&#x41;", "<p>{}</p>"),
        run("2020-01-0", '<p class="date">{}</p>'),
        run("word ", "<p>{}</p>"),
        run("w", "<p>{}</p>"),
    ],
)
def test_a_page_made_of_one_thing_is_read_or_rejected(hostile: Page) -> None:
    assert isinstance(extract(hostile, 1), Article | Rejection)


def test_a_tree_is_cut_to_its_bounds() -> None:
    source = "<body>" + "<div>" * 100 + "deep" + "</div>" * 100 + f"<p>{'word ' * 10}</p>" * 20_000
    tree = parse(source)
    assert tree is not None
    tree = bounded(tree, len(source))
    assert len(list(tree.iter())) <= MAX_ELEMENTS
    assert len("".join(tree.itertext())) <= 2 * MAX_TREE_CHARS
    assert not tree.xpath("/*" * (MAX_DEPTH + 1))
    assert "deep" in "".join(tree.itertext())


def test_what_comes_before_the_bounds_is_read() -> None:
    outcome = extract(page(html(paragraphs=[prose(1), prose(2), *["<b>x</b>"] * 50_000])), 300)
    assert isinstance(outcome, Article)
    assert prose(1)[:80] in outcome.text


@pytest.mark.parametrize("text", [ARABIC, CHINESE, FINNISH], ids=["arabic", "chinese", "finnish"])
def test_other_languages_are_read(text: str) -> None:
    paragraphs = [f"{number}. {text * 5}" for number in range(6)]
    outcome = extract(page(html(title="T", paragraphs=paragraphs)), 1)
    assert isinstance(outcome, Article)
    assert outcome.text.count(text.strip()) == 30


@pytest.mark.parametrize(
    ("written_in", "declared", "text"),
    [
        ("cp1252", "utf-8", "Der Brückenbau über die Förde: größer, schöner, für alle Bürger. "),
        ("utf-8", "windows-1251", FINNISH),
        ("cp1251", "iso-8859-1", "Городской совет снова открыл мост после бури, рынок работал. "),
        ("cp932", "utf-8", "市議会は嵐のあとに橋を再び開いたと目撃者は語った。"),
        ("gb18030", "utf-8", CHINESE),
        ("cp1256", "utf-8", ARABIC),
    ],
)
def test_a_wrongly_declared_charset_is_read(written_in: str, declared: str, text: str) -> None:
    body = html(title="T", paragraphs=[text * 10] * 4).encode(written_in)
    outcome = extract(page(body, f"text/html; charset={declared}"), 1)
    assert isinstance(outcome, Article)
    if declared != "iso-8859-1":  # which every byte fits, so what is declared is believed
        assert text.strip() in outcome.text


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_an_impossible_date_is_none(stamp: str) -> None:
    head = f'<meta property="article:published_time" content="{stamp}">'
    outcome = extract(page(html(paragraphs=[prose(1)], head=head)), 1)
    assert isinstance(outcome, Article)
    assert outcome.publish_date is None


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MADE_UP)
def test_no_markup_makes_it_raise(body: bytes) -> None:
    assert isinstance(extract(page(body), 1), Article | Rejection)


@pytest.mark.parametrize("seed", range(10))
def test_no_mutation_of_a_page_makes_it_raise(seed: int) -> None:
    rng = random.Random(seed)
    pages = [article_page(article, NOW.date()) for article in rng.sample(list(ARTICLES), 3)]
    for _ in range(25):
        assert isinstance(extract(page(mutated(pages, rng)), 1), Article | Rejection)
