"""The rules of a robots.txt, of honest ones and of those that are made to harm us."""

from __future__ import annotations

import functools
import re
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.fetch.robots_rules import RobotsRules, parse_rules, product_token

TOKEN = "content-curator"


def rules_of(*lines: str) -> RobotsRules:
    return parse_rules("\n".join(lines).encode(), TOKEN)


def allowed(path: str, *rules: str) -> bool:
    """By rules of a group for all."""
    return rules_of("User-agent: *", *rules).allows(path)


@pytest.mark.parametrize(
    "agent",
    [
        "content-curator",
        "Content-Curator",
        "content-curator/0.1",
        "CONTENT-CURATOR/2",
        "content-curator/0.1 (+https://example.org)",
        "content-curator bot",
        "content-curator*",
        "  content-curator  # that is us",
    ],
)
def test_names_that_are_ours(agent: str) -> None:
    lines = (f"User-agent: {agent}", "Disallow: /x", "User-agent: *", "Disallow: /y")
    rules = rules_of(*lines)
    assert (rules.allows("/x"), rules.allows("/y")) == (False, True)


@pytest.mark.parametrize(
    "agent",
    [
        "content",
        "content-curator-news",
        "curator",
        "c*o*n*t*e*n*t-curator",
        "cont*",
        "bot",
        "",
        "/",
    ],
)
def test_names_of_others(agent: str) -> None:
    lines = (f"User-agent: {agent}", "Disallow: /x", "User-agent: *", "Disallow: /y")
    rules = rules_of(*lines)
    assert (rules.allows("/x"), rules.allows("/y")) == (True, False)


@pytest.mark.parametrize(
    "agent", ["content-curator/0.1", "Content-Curator", "content-curator (+https://example.org)"]
)
def test_our_own_name_is_its_product_token(agent: str) -> None:
    assert product_token(agent) == TOKEN


def test_all_groups_that_name_us_count_together() -> None:
    rules = rules_of(
        "User-agent: content-curator",
        "Disallow: /a",
        "User-agent: other",
        "Disallow: /b",
        "User-agent: Content-Curator/2",
        "Disallow: /c",
    )
    assert [rules.allows(path) for path in ("/a", "/b", "/c")] == [False, True, False]


def test_all_groups_for_all_count_together() -> None:
    rules = rules_of("User-agent: *", "Disallow: /a", "User-agent: *", "Disallow: /b")
    assert not rules.allows("/a")
    assert not rules.allows("/b")


def test_a_group_that_names_us_without_rules_allows_all() -> None:
    rules = rules_of("User-agent: *", "Disallow: /", "User-agent: content-curator")
    assert rules.allows("/a")


@pytest.mark.parametrize(
    "between", ["Noindex: /x", "Sitemap: https://a.example/s", "", "# text", "?"]
)
def test_lines_of_no_group_do_not_end_its_agents(between: str) -> None:
    rules = rules_of("User-agent: content-curator", between, "User-agent: bot", "Disallow: /")
    assert not rules.allows("/a")


@pytest.mark.parametrize(
    "between", ["Disallow:", "Allow: /b", "Crawl-delay: 3", "Request-rate: 1/3"]
)
def test_a_rule_ends_the_agents_of_its_group(between: str) -> None:
    rules = rules_of("User-agent: content-curator", between, "User-agent: bot", "Disallow: /")
    assert rules.allows("/a")


def test_rules_before_any_agent_count_for_nothing() -> None:
    assert rules_of("Disallow: /", "Crawl-delay: 9", "User-agent: *", "Disallow: /a").allows("/b")


@pytest.mark.parametrize(
    "line",
    [
        "Disallow: /x",
        "disallow:/x",
        "DISALLOW : /x # why",
        "Disallow /x",
        "Dissallow: /x",
        "\tDisallow:\t/x\t",
    ],
)
@pytest.mark.parametrize("agent", ["User-agent: *", "useragent: *", "User agent *", "USER-AGENT:*"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_forms_of_a_line(line: str, agent: str, end: str) -> None:
    assert not parse_rules(f"\ufeff{agent}{end}{line}{end}".encode(), TOKEN).allows("/x")


@pytest.mark.parametrize(
    ("path", "rules", "expected"),
    [
        ("/a", [], True),
        ("/a", ["Disallow: /"], False),
        ("/a", ["Disallow:"], True),
        ("/robots.txt", ["Disallow: /"], True),
        ("/page", ["Disallow: /p", "Allow: /page"], True),
        ("/page", ["Allow: /p", "Disallow: /page"], False),
        ("/page", ["Allow: /page", "Disallow: /page"], True),
        ("/page", ["Disallow: /page", "Allow: /page"], True),
        ("/page", ["Allow: /p", "Disallow: /*ge"], False),
        ("/page.htm", ["Allow: /page", "Disallow: /*.htm"], False),
        ("/page.ph", ["Allow: /page", "Disallow: /*.ph"], True),
        ("/", ["Allow: /$", "Disallow: /"], True),
        ("/a", ["Allow: /$", "Disallow: /"], False),
        ("/a", ["Disallow: a", "Disallow: https://a.example/a"], True),
        ("/a", ["Disallow: *"], False),
        ("/fish", ["Disallow: /fish*"], False),
        ("/fish/salmon.html", ["Disallow: /fish"], False),
        ("/Fish", ["Disallow: /fish"], True),
        ("/folder/file.php?x=1", ["Disallow: /*.php"], False),
        ("/folder/file.php?x=1", ["Disallow: /*.php$"], True),
        ("/folder/file.php", ["Disallow: /*.php$"], False),
        ("/file.PHP", ["Disallow: /*.php"], True),
        ("/fishheads/catfish.php?id", ["Disallow: /fish*.php"], False),
        ("/aab", ["Disallow: /a*ab$"], False),
        ("/ab", ["Disallow: /a*ab$"], True),
        ("/ababab", ["Disallow: /*ab*ab*ab*ab"], True),
        ("/abab", ["Disallow: /ab*ab$"], False),
        ("/ab", ["Disallow: /ab*b$"], True),
        ("/a$b", ["Disallow: /a$b"], False),
        ("/a?b=1", ["Disallow: /*?"], False),
        ("/a", ["Disallow: /*?"], True),
        ("/dir/", ["Allow: /dir/index.html", "Disallow: /"], True),
        ("/dir/a", ["Allow: /dir/index.html", "Disallow: /"], False),
    ],
)
def test_which_rule_decides(path: str, rules: list[str], expected: bool) -> None:
    assert allowed(path, *rules) is expected


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/caf%C3%A9", "/café"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/%7Euser", "/~user"),
        ("/~user", "/%7euser"),
        ("/a%20b", "/a b"),
        ("/a%2Fb", "/a%2fb"),
        ("/a*b", "/a%2Ab"),
        ("/100%", "/100%"),
    ],
)
def test_spellings_that_are_one_path(path: str, pattern: str) -> None:
    assert not allowed(path, f"Disallow: {pattern}")


@pytest.mark.parametrize(("path", "pattern"), [("/a/b", "/a%2Fb"), ("/axb", "/a%2Ab")])
def test_spellings_that_are_two_paths(path: str, pattern: str) -> None:
    assert allowed(path, f"Disallow: {pattern}")


def test_bytes_that_are_not_utf_8_are_compared_as_they_are() -> None:
    rules = parse_rules(b"User-agent: *\nDisallow: /caf\xe9", TOKEN)
    assert (rules.allows("/caf%E9"), rules.allows("/caf%EA")) == (False, True)


@pytest.mark.parametrize(
    ("lines", "interval"),
    [
        (["Crawl-delay: 2.5"], 2.5),
        (["Crawl-delay: 2", "Crawl-delay: 0"], 0),
        (["Crawl-delay: 2", "Crawl-delay: soon"], 2),
        (["Request-rate: 1/7"], 7),
        (["Request-rate: 2/1m 0600-0845", "Crawl-delay: 1"], 30),
        (["Request-rate: 1/" + "9" * 90], float("9" * 90)),
        (["Request-rate: 1/" + "9" * 5_000], 0),
        (["Crawl-delay: " + "9" * 5_000], 0),
        (["Request-rate: 0/7", "Request-rate: 7/0", "Request-rate: -1/7", "Request-rate: 1"], 0),
        (["Crawl-delay: inf", "Crawl-delay: nan", "Crawl-delay: -4", "Crawl-delay:"], 0),
    ],
)
def test_the_interval_between_requests(lines: list[str], interval: float) -> None:
    assert rules_of("User-agent: *", *lines).interval == pytest.approx(interval)


@given(st.binary(max_size=400))
def test_any_bytes_are_rules(body: bytes) -> None:
    assert parse_rules(body, TOKEN).allows("/") in (True, False)


@given(st.binary(max_size=40), st.sampled_from([b"Crawl-delay", b"Request-rate"]))
def test_any_number_is_an_interval(value: bytes, field: bytes) -> None:
    interval = parse_rules(b"User-agent: *\n" + field + b": " + value, TOKEN).interval
    assert 0 <= interval < float("inf")


PATTERNS = st.text("ab/*$%", max_size=6).map(lambda text: f"/{text}")
PATHS = st.text("ab/%", max_size=8).map(lambda text: f"/{text}")


def by_definition(path: str, rules: list[tuple[str, bool]]) -> bool:
    """RFC 9309, section 2.2.2, slow and simple."""
    best = (-1, True)
    for pattern, allow in rules:
        anchored = pattern.endswith("$")
        parts = pattern.removesuffix("$").split("*")
        expression = ".*".join(re.escape(part) for part in parts) + ("$" if anchored else "")
        if re.match(expression, path):
            best = max(best, (len(pattern), allow))
    return best[1]


@given(st.lists(st.tuples(PATTERNS, st.booleans()), max_size=8), PATHS)
def test_decisions_are_those_of_the_definition(rules: list[tuple[str, bool]], path: str) -> None:
    for text in (path, *(pattern for pattern, _ in rules)):
        if unquote_to_bytes(text) != text.encode() or "index.html" in text:
            return  # escapes have tests of their own
    lines = [f"{'Allow' if allow else 'Disallow'}: {pattern}" for pattern, allow in rules]
    assert allowed(path, *lines) is by_definition(path, rules)


def test_decisions_among_many_wildcards_are_the_same() -> None:
    lines = [f"Disallow: /{n % 7}*/item-number-{n:04}*.html$" for n in range(9_000)]
    rules = rules_of("User-agent: *", *lines, "Allow: /*/item-number-0012")
    assert not rules.allows("/1/x/item-number-8996-a.html")
    assert rules.allows("/4/x/item-number-8996-a.html")
    assert rules.allows("/1/x/item-number-8996-a.htm")
    assert not rules.allows("/5/x/item-number-0012/item-number-0005.html")


KIBIBYTE = 1024


def starred(number: int) -> bytes:
    """Our name with stars in it, of which there are 2 ** 15: all were ours, and each another."""
    stars = ("*" if number >> place & 1 else "" for place in range(len(TOKEN)))
    return "".join(letter + star for letter, star in zip(TOKEN, stars, strict=True)).encode()


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "agents, then rules": lambda size: (
        b"".join(b"User-agent: %s\n" % starred(n) for n in range(size // 70))
        + b"User-agent: *\n"
        + b"".join(b"Disallow: /%d\n" % n for n in range(size // 35))
    ),
    "our name, again and again": lambda size: (
        (b"User-agent: content-curator\n" * 9 + b"Disallow: /a\n") * (size // 270)
    ),
    "agent and rule in turn": lambda size: b"".join(
        b"User-agent: *\nDisallow: /%d\n" % n for n in range(size // 35)
    ),
    "wildcards": lambda size: (
        b"User-agent: *\n" + b"".join(b"Disallow: /*%06x*b$\n" % n for n in range(size // 20))
    ),
    "wildcards that end alike": lambda size: (
        b"User-agent: *\n" + b"".join(b"Allow: /*%06xaaaaaa\n" % n for n in range(size // 22))
    ),
    "stars": lambda size: b"User-agent: *\nDisallow: /" + b"*a" * (size // 2),
    "many stars": lambda size: (
        b"User-agent: *\n" + (b"Disallow: /" + b"*a" * 3_900 + b"%\n") * (size // 7_900)
    ),
    "long patterns": lambda size: (
        b"User-agent: *\n"
        + (b"Disallow: /*" + b"a" * 3_000 + b"b" + b"a" * 3_000 + b"\n") * (size // 6_000)
    ),
    "prefixes of all lengths": lambda size: (
        b"User-agent: *\n"
        + b"".join(b"Disallow: /%s\n" % (b"a" * n) for n in range(round((2 * size) ** 0.5) - 10))
    ),
    "escapes": lambda size: b"User-agent: *\nDisallow: /" + b"%61" * (size // 3),
    "colons": lambda size: b":" * size,
    "spaces": lambda size: b"User-agent: *\n" + b" a" * (size // 2),
    "comments": lambda size: b"#\n" * (size // 2),
    "one line": lambda size: b"User-agent: *\nCrawl-delay: " + b"9" * size,
    "carriage returns": lambda size: b"\r" * size,
}


def lines_executed(call: Callable[[], object]) -> int:
    """How many lines of Python the call executes: the same on every machine."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("shape", sorted(HOSTILE))
def test_parsing_takes_operations_in_proportion_to_the_bytes(shape: str) -> None:
    small, large = (HOSTILE[shape](size * KIBIBYTE) for size in (8, 32))
    operations = [lines_executed(lambda: parse_rules(body, TOKEN)) for body in (small, large)]  # noqa: B023
    assert operations[1] <= 4.5 * operations[0] + 200
    assert operations[1] <= 5 * len(large)


@pytest.mark.parametrize("shape", sorted(HOSTILE))
def test_parsing_takes_memory_in_proportion_to_the_bytes(shape: str) -> None:
    body = HOSTILE[shape](64 * KIBIBYTE)
    tracemalloc.start()
    try:
        parse_rules(body, TOKEN)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * len(body)


@functools.cache
def hostile_rules(shape: str) -> RobotsRules:
    return parse_rules(HOSTILE[shape](256 * KIBIBYTE), TOKEN)


HOSTILE_PATHS = [
    "/",
    "/" + "a" * 200,
    "/" + "a" * 7_900,
    "/" + "ab" * 3_900,
    "/" + "".join(f"{n:06x}aaaaaa" for n in range(600)),
]


@pytest.mark.parametrize("path", HOSTILE_PATHS, ids=lambda path: path[:20])
@pytest.mark.parametrize("shape", sorted(HOSTILE))
def test_a_decision_takes_few_operations_for_any_file(shape: str, path: str) -> None:
    rules = hostile_rules(shape)
    assert lines_executed(lambda: rules.allows(path)) < 60_000


def test_a_search_that_costs_too_much_disallows_the_path() -> None:
    """Not one that a real site and a real address need."""
    needle = "b" + "a" * 98
    lines = [f"Allow: /*{n % 10}{n // 10}*{needle}" for n in range(100)]
    path = "/0123456789" + "a" * 7_900
    assert not allowed(path, *lines)
    assert allowed(path.replace("a", "c"), *lines)


def test_500_kibibytes_of_plain_rules_all_count() -> None:
    body = HOSTILE["agents, then rules"](500 * KIBIBYTE)
    last = body.rsplit(b"/", 1)[1].strip().decode()
    rules = parse_rules(body, TOKEN)
    assert not rules.allows(f"/{last}")
    assert rules.allows("/x")
