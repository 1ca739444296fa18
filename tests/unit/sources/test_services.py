"""What all search services have in common, whatever their format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.feeds.feed import MAX_TITLE_CHARS
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tests.unit.sources.services import FEEDING, KEY, LINKING, SERVICES, WIKIPEDIA, Service
from tests.unit.sources.web import PlayedService

A, B = "https://a.example/1", "http://b.example/2?x=1&y=2"

every_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
every_linking = pytest.mark.parametrize(
    "service", [*LINKING, *FEEDING], ids=lambda service: service.name
)
every_json = pytest.mark.parametrize(
    "service", [*LINKING, WIKIPEDIA], ids=lambda service: service.name
)
every_feed = pytest.mark.parametrize("service", FEEDING, ids=lambda service: service.name)


async def failure(service: Service, answer: bytes | StepError) -> StepError:
    with pytest.raises(StepError) as caught:
        await service.build(PlayedService(answer)).find("wind", 10)
    return caught.value


@every_linking
async def test_links_become_candidates_in_their_order(service: Service) -> None:
    source = service.build(PlayedService(service.answer([(A, "One"), (B, "Two")])))
    candidates = (await source.find("wind power", 10)).candidates
    assert [(candidate.url, candidate.title) for candidate in candidates] == [
        (A, "One"),
        (B, "Two"),
    ]
    assert {candidate.source for candidate in candidates} == {source.name} == {service.name}


@every_linking
async def test_no_more_than_asked_for(service: Service) -> None:
    many = service.answer([(f"https://a.example/{n}", "One") for n in range(40)])
    assert len((await service.build(PlayedService(many)).find("wind", 7)).candidates) == 7


@every_service
async def test_an_empty_result_is_no_failure(service: Service) -> None:
    findings = await service.build(PlayedService(service.nothing)).find("wind", 10)
    assert not findings.candidates


@pytest.mark.parametrize("service", LINKING, ids=lambda service: service.name)
async def test_records_that_lead_nowhere_are_left_out(service: Service) -> None:
    answer = service.answer(
        [
            (None, "No link"),
            ("", "Empty"),
            (3, "A number"),
            (["https://a.example/"], "A list"),
            ("/relative", "Relative to what?"),
            ("javascript:alert(1)", "A script"),
            ("ftp://a.example/", "A file"),
            ("http://[broken", "No URL"),
            ("https://", "No host"),
            (A, 3),
            (f" {A}\n", "<em>Wind</em> &amp;\n rain"),
            (A, "Again"),
            (B, None),
        ]
    )
    candidates = (await service.build(PlayedService(answer)).find("wind", 10)).candidates
    assert [(candidate.url, candidate.title) for candidate in candidates] == [
        (A, "Wind & rain"),
        (B, None),
    ]


@every_feed
async def test_entries_that_lead_nowhere_are_left_out(service: Service) -> None:
    answer = service.answer(
        [
            ("javascript:alert(1)", "A script"),
            ("ftp://a.example/", "A file"),
            ("http://[broken", "No URL"),
            (A, "<em>Wind</em> &amp;amp; rain"),
            (A, "Again"),
        ]
    )
    candidates = (await service.build(PlayedService(answer)).find("wind", 10)).candidates
    assert [candidate.url for candidate in candidates] == [A]


@every_linking
async def test_a_title_without_end_is_cut(service: Service) -> None:
    answer = service.answer([(A, "wind " * 10_000)])
    (candidate,) = (await service.build(PlayedService(answer)).find("wind", 10)).candidates
    assert len(candidate.title or "") <= MAX_TITLE_CHARS


@every_service
@pytest.mark.parametrize(
    "answer", [b"", b" \n", b"<!doctype html><title>Down</title>", b"<html>Down</html>"]
)
async def test_a_page_or_nothing_may_pass(service: Service, answer: bytes) -> None:
    assert isinstance(await failure(service, answer), TransientFailure)


@every_json
@pytest.mark.parametrize(
    "answer",
    [
        b'{"articles": [',
        b'{"a":' * 100_000,
        b"{\xff}",
        b"{} {}",
        b'{"articles": 3, "hits": 3, "status": 3, "response": 3, "query": 3}',
        b'{"articles": "x", "hits": {}, "status": "ok", "response": [], "query": []}',
        b'{"articles": {}, "hits": "", "status": null, "response": {}, "query": {"search": 1}}',
    ],
)
async def test_json_that_is_not_as_promised_may_pass(service: Service, answer: bytes) -> None:
    error = await failure(service, answer)
    assert isinstance(error, TransientFailure)
    assert error.reason is Reason.SERVER_ERROR


@every_feed
@pytest.mark.parametrize("answer", [b"<?xml version='1.0'?><a/>", b"<a", b"<?xml \xff\xfe"])
async def test_xml_that_is_no_feed_may_pass(service: Service, answer: bytes) -> None:
    assert isinstance(await failure(service, answer), TransientFailure)


@every_service
@pytest.mark.parametrize("text", [b"Rate exceeded.", b"Too Many Requests", b"rate-limited"])
async def test_a_call_for_patience_may_pass(service: Service, text: bytes) -> None:
    error = await failure(service, text)
    assert isinstance(error, TransientFailure)
    assert error.detail.endswith("asks for fewer requests.")


@every_service
async def test_a_complaint_in_plain_text_is_quoted_and_will_not_pass(service: Service) -> None:
    error = await failure(service, b"The query is\nnot understood. " + b"x" * 10_000)
    assert isinstance(error, PermanentFailure)
    assert "refused the search: The query is not understood." in error.detail
    assert len(error.detail) < 300


@every_service
async def test_failures_of_the_fetch_are_passed_on(service: Service) -> None:
    busy = TransientFailure(Reason.SERVER_ERROR, "The site answered 429.", retry_after=7)
    assert await failure(service, busy) is busy


@every_service
async def test_a_byte_order_mark_is_borne_with(service: Service) -> None:
    findings = await service.build(PlayedService(b"\xef\xbb\xbf" + service.nothing)).find("w", 1)
    assert not findings.candidates


@pytest.mark.parametrize("service", LINKING[2:], ids=lambda service: service.name)
async def test_a_key_goes_in_a_header_and_nowhere_else(service: Service) -> None:
    web = PlayedService(service.nothing)
    source = service.build(web)
    await source.find("wind", 10)
    assert KEY in web.headers.values()
    assert KEY not in web.url
    assert KEY not in repr(source) + repr(vars(source)["_service"])


@pytest.mark.parametrize("service", LINKING[2:], ids=lambda service: service.name)
@pytest.mark.parametrize(
    "answer",
    [
        f"No such key: {KEY}",
        f'{{"message": "No such key: {KEY}"}}',
        f'{{"status": "error", "code": "apiKeyInvalid", "message": "No such key: {KEY}"}}',
        f'{{"response": {{"status": "error", "message": "No such key: {KEY}"}}}}',
        f'{{"status": "ok", "articles": ["{KEY}"], "response": "{KEY}"',
    ],
)
async def test_a_key_that_a_service_repeats_is_hidden(service: Service, answer: str) -> None:
    error = await failure(service, answer.encode())
    seen: BaseException | None = error
    while seen is not None:
        assert KEY not in str(seen)
        seen = seen.__cause__ or seen.__context__


@pytest.mark.parametrize("service", LINKING[2:], ids=lambda service: service.name)
async def test_a_refusal_names_the_setting(service: Service) -> None:
    refused = PermanentFailure(Reason.HTTP_ERROR, "The site answered 401 Unauthorized.")
    error = await failure(service, refused)
    assert isinstance(error, PermanentFailure)
    assert error.detail == (
        f"The site answered 401 Unauthorized. {service.name.upper()}_KEY may be wrong, or used up."
    )


@pytest.mark.parametrize(
    "service", [*LINKING, WIKIPEDIA, FEEDING[0]], ids=lambda service: service.name
)
@given(st.binary(max_size=300))
async def test_no_answer_breaks_a_source(service: Service, answer: bytes) -> None:
    for body in (answer, b"{" + answer, b"<" + answer, service.nothing + answer):
        try:
            findings = await service.build(PlayedService(body)).find("wind", 10)
        except StepError:
            continue
        urls = [candidate.url for candidate in findings.candidates]
        assert all(url.startswith(("http://", "https://")) for url in urls)
