"""The pages as they are without JavaScript."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
import redis

from app.pages.pages import RECENT_JOBS
from app.pages.templating import MAX_SHOWN
from tasks.resources import open_ledger
from tasks.settings import Settings
from tests.waiting import wait_until
from tests.web.conftest import BASE
from tests.web.player import Player

TOPIC = {"form": "topic", "topic": "tea", "max_articles": "5", "background": "on"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
URLS = {"form": "urls", "urls": "https://a.example/1", "background": "on"}


async def sent(client: httpx.AsyncClient, form: dict[str, str]) -> str:
    """Sends a form that is taken; gives the job's id."""
    response = await client.post("/", data=form)
    assert response.status_code == 303, response.text
    location = response.headers["location"]
    assert re.fullmatch(r"/jobs/[0-9a-f-]{36}", location)
    return str(location.removeprefix("/jobs/"))


async def test_the_topic_form(client: httpx.AsyncClient, settings: Settings) -> None:
    job_id = await sent(client, {**TOPIC, "topic": "  tea & cake ", "apply_diversity": "on"})
    async with open_ledger(settings) as ledger:
        job = await ledger.job(job_id)
    assert job is not None
    assert (job.query, job.type) == ("tea & cake", "topic_curation")


async def test_the_url_form(client: httpx.AsyncClient, settings: Settings) -> None:
    lines = " https://a.example/1 \r\n\r\nhttps://b.example/2\r\n"
    job_id = await sent(client, {**URLS, "urls": lines, "query": " "})
    async with open_ledger(settings) as ledger:
        job = await ledger.job(job_id)
    assert job is not None
    assert getattr(job.params, "urls", None) == ("https://a.example/1", "https://b.example/2")
    assert job.query is None


@pytest.mark.parametrize(
    ("form", "detail"),
    [
        ({**TOPIC, "topic": "t"}, "topic must have 2 to 200 characters"),
        ({**TOPIC, "max_articles": "many"}, "Number of articles must be a whole number"),
        ({**TOPIC, "max_articles": "1000"}, "max_articles must be from 1 to 100"),
        ({**URLS, "urls": ""}, "urls must name at least one URL"),
        (
            {**URLS, "urls": "https://a.example/\n\nnot a url"},
            "line 3: “not a url” is no http address",
        ),
    ],
)
async def test_a_refused_form_shows_the_error_and_keeps_its_input(
    client: httpx.AsyncClient, valkey: redis.Redis, form: dict[str, str], detail: str
) -> None:
    response = await client.post("/", data={**form, "query": '"><script>alert(1)</script>'})
    assert response.status_code == 422
    assert detail in response.text
    assert "<script>alert" not in response.text
    typed = form["topic"] if form["form"] == "topic" else form["urls"]
    assert typed in response.text
    assert valkey.dbsize() == 0


@pytest.mark.parametrize(
    "body", [b"form=topic&topic=caf%E9", b"form=topic&topic=\xff", b"form=x", b"", b"&" * 9999]
)
async def test_unknown_forms(client: httpx.AsyncClient, valkey: redis.Redis, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await client.post("/", content=body, headers=headers)
    assert response.status_code == 422
    assert valkey.dbsize() == 0


async def test_a_form_must_have_the_media_type_of_forms(client: httpx.AsyncClient) -> None:
    assert (await client.post("/", json=TOPIC)).status_code == 415


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_forms_of_other_sites_are_refused(
    client: httpx.AsyncClient, valkey: redis.Redis, headers: dict[str, str]
) -> None:
    response = await client.post("/", data=TOPIC, headers=headers)
    assert response.status_code == 403
    assert response.json()["type"] == "/problems/cross-origin"
    assert valkey.dbsize() == 0


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": BASE}, {}])
async def test_own_forms_are_accepted(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    response = await client.post("/", data=TOPIC, headers=headers)
    assert response.status_code == 303


async def test_without_background_processing_the_response_waits_for_the_end(
    client: httpx.AsyncClient, player: Player, settings: Settings
) -> None:
    form = {name: value for name, value in URLS.items() if name != "background"}
    waiting = asyncio.create_task(sent(client, form))
    async with open_ledger(settings) as ledger:

        async def queued() -> bool:
            return (await ledger.depth()).queued == 1

        await wait_until(queued, "the job to be queued")
    [job] = (await client.get("/jobs")).json()["jobs"]
    assert not waiting.done()

    await player.finish(job["job_id"])
    assert await waiting == job["job_id"]
    page = await client.get(f"/jobs/{job['job_id']}", headers={"Accept": "text/html"})
    assert "Success" in page.text


async def test_a_running_job_loads_its_page_again(
    client: httpx.AsyncClient, player: Player
) -> None:
    job_id = await sent(client, URLS)
    running = await client.get(f"/jobs/{job_id}", headers=BROWSER)
    assert '<noscript><meta http-equiv="refresh"' in running.text
    assert f'action="/jobs/{job_id}/cancel"' in running.text

    await player.finish(job_id)
    finished = await client.get(f"/jobs/{job_id}", headers=BROWSER)
    assert "refresh" not in finished.text
    assert "/cancel" not in finished.text


async def test_the_cancel_button(client: httpx.AsyncClient) -> None:
    job_id = await sent(client, URLS)
    for _ in range(2):  # the second time it is too late, which the page says
        response = await client.post(f"/jobs/{job_id}/cancel")
        assert (response.status_code, response.headers["location"]) == (303, f"/jobs/{job_id}")
    assert "Revoked" in (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text


async def test_hostile_articles_are_text(client: httpx.AsyncClient, player: Player) -> None:
    job_id = await sent(client, URLS)
    await player.discover(job_id, [URLS["urls"]])
    await player.analyse(
        job_id,
        0,
        "javascript:alert(2)",
        title="<script>alert(1)</script>",
        summary="<img src=x onerror=alert(3)>",
        author='"><b>',
        entities=[{"text": "<i>x</i>", "label": '" onclick="', "count": 1}],
    )
    await player.rank(job_id)

    text = (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert 'href="javascript' not in text
    for raw in ("<script>alert", "<img src=x", '"><b>', "<i>x", '" onclick="'):
        assert raw not in text


async def test_a_result_names_who_else_reports_its_story(
    client: httpx.AsyncClient, player: Player
) -> None:
    job_id = await sent(client, {**URLS, "urls": "https://a.example/1"})
    other = {"url": "javascript:alert(1)", "title": "<b>High tides</b>", "domain": "b.example"}
    dated = {"publish_date": "2026-03-02T00:00:00Z", "is_copy": True}
    await player.discover(job_id, ["https://a.example/1"])
    await player.analyse(job_id, 0, "https://a.example/1", also_reported_by=[{**other, **dated}])
    await player.rank(job_id)
    page = (await client.get(f"/jobs/{job_id}", headers={"Accept": "text/html"})).text
    assert "Also reported by b.example" in page
    assert "&lt;b&gt;High tides&lt;/b&gt;" in page
    assert "2 March 2026" in page
    assert "a copy" in page
    assert 'href="javascript' not in page


async def test_a_long_list_is_cut(client: httpx.AsyncClient, player: Player) -> None:
    urls = [f"https://a.example/{n}" for n in range(MAX_SHOWN + 1)]
    job_id = await sent(client, {**URLS, "urls": "\n".join(urls)})
    await player.discover(job_id, urls)
    for index, url in enumerate(urls):
        await player.analyse(job_id, index, url)
    await player.rank(job_id)

    text = (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text
    assert text.count("<h3>") == MAX_SHOWN
    assert f"The first {MAX_SHOWN} of {MAX_SHOWN + 1}" in text


async def test_a_job_whose_result_is_no_longer_kept_runs_again_by_one_click(
    client: httpx.AsyncClient, player: Player, valkey: redis.Redis, settings: Settings
) -> None:
    job_id = await sent(client, {**URLS, "query": "tea"})
    await player.finish(job_id)
    for key in valkey.scan_iter(f"*{job_id}:result"):
        valkey.delete(key)
    page = (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text
    assert "Run the job again" in page
    form = {"key": button_key(page, job_id)}

    clicks = [await client.post(f"/jobs/{job_id}/again", data=form) for _ in range(2)]

    assert [click.status_code for click in clicks] == [303, 303]
    assert len({click.headers["location"] for click in clicks}) == 1
    new_id = clicks[0].headers["location"].removeprefix("/jobs/")
    assert new_id != job_id
    async with open_ledger(settings) as ledger:
        new, old = await ledger.job(new_id), await ledger.job(job_id)
    assert new is not None
    assert old is not None
    assert new.params == old.params
    later = (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text
    assert button_key(later, job_id) != form["key"]


def button_key(page: str, job_id: str) -> str:
    """What makes two clicks on the button of one page one job."""
    button = re.search(
        f'action="/jobs/{job_id}/again">\\s*<input type="hidden" name="key" value="([^"]+)"', page
    )
    assert button is not None
    return button[1]


async def test_a_running_job_cannot_be_run_again(client: httpx.AsyncClient) -> None:
    job_id = await sent(client, URLS)
    assert "/again" not in (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text
    form = {"key": "once"}
    assert (await client.post(f"/jobs/{job_id}/again", data=form)).status_code == 409
    await client.post(f"/jobs/{job_id}/cancel")
    assert "/again" in (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text
    too_long = await client.post(f"/jobs/{job_id}/again", data={"key": "x" * 300})
    assert too_long.status_code == 422
    assert (await client.post(f"/jobs/{job_id}/again", json=form)).status_code == 415
    without = await client.post(f"/jobs/{job_id}/again", data={"other": "1"})
    assert without.status_code == 303


async def test_lines_that_are_no_urls_can_be_left_out(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    lines = "https://a.example/1\r\nnot a url\r\n# a comment\r\nhttps://b.example/2"
    refused = await client.post("/", data={**URLS, "urls": lines})
    assert refused.status_code == 422
    assert '<details class="options" open>' in refused.text

    job_id = await sent(client, {**URLS, "urls": lines, "skip_invalid": "on"})
    async with open_ledger(settings) as ledger:
        job = await ledger.job(job_id)
    assert job is not None
    assert getattr(job.params, "urls", None) == ("https://a.example/1", "https://b.example/2")

    nothing = await client.post("/", data={**URLS, "urls": "not a url", "skip_invalid": "on"})
    assert nothing.status_code == 422
    assert "urls must name at least one URL" in nothing.text
    assert "line 1: “not a url” is no http address" in nothing.text


@pytest.mark.parametrize("form", [TOPIC, URLS], ids=["topic", "urls"])
async def test_a_form_takes_a_deadline(
    client: httpx.AsyncClient, settings: Settings, form: dict[str, str]
) -> None:
    job_id = await sent(client, {**form, "deadline": "2.5"})
    async with open_ledger(settings) as ledger:
        job = await ledger.job(job_id)
    assert job is not None
    assert job.deadline_ms == job.submitted_ms + 150_000
    for wrong in ("soon", "0", "-1", "nan", "1e999", "10081"):
        refused = await client.post("/", data={**form, "deadline": wrong})
        assert refused.status_code == 422
        assert "Deadline must be a number of minutes, above 0 and at most 10080." in refused.text
        assert f'value="{wrong}"' in refused.text


async def test_keywords_and_names_are_labelled_and_not_shown_twice(
    client: httpx.AsyncClient, player: Player
) -> None:
    job_id = await sent(client, URLS)
    await player.discover(job_id, [URLS["urls"]])
    await player.analyse(
        job_id,
        0,
        URLS["urls"],
        keywords=["tidal power", "Lisbon", "writer", "Lisbon fair"],
        entities=[
            {"text": "Lisbon", "label": "GPE", "count": 2},
            {"text": "The LISBON", "label": "ORG", "count": 1},
            {"text": "Writer", "label": "ORG", "count": 3},
            {"text": "Ada Writer", "label": "PERSON", "count": 1},
            {"text": "Esperanto", "label": "LANGUAGE", "count": 1},
        ],
    )
    await player.rank(job_id)

    text = (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text

    assert "<strong>Keywords</strong> tidal power · Lisbon fair</p>" in text
    names = re.findall(r"<li>([^<]+) <small>([^<]+)</small></li>", text)
    assert names == [("Lisbon", "place"), ("Ada Writer", "person"), ("Esperanto", "language")]


async def test_a_health_check_has_a_page(client: httpx.AsyncClient, player: Player) -> None:
    job_id = (await client.post("/jobs", json={"type": "health_check"})).json()["job_id"]
    await player.discover(job_id, [])
    await player.rank(job_id)
    page = await client.get(f"/jobs/{job_id}", headers=BROWSER)
    assert (page.status_code, "Success" in page.text) == (200, True)


async def test_a_result_of_another_release_hides_nothing_else(
    client: httpx.AsyncClient, player: Player, valkey: redis.Redis, settings: Settings
) -> None:
    job_id = await sent(client, URLS)
    await player.finish(job_id)
    stored = f"{settings.key_prefix}job:{job_id}:result"
    valkey.set(stored, b'{"type": "batch_analysis"}', keepttl=True)
    page = await client.get(f"/jobs/{job_id}", headers=BROWSER)
    assert (page.status_code, "cannot be shown here" in page.text) == (200, True)


async def test_secrets_in_urls_are_not_in_lists(
    client: httpx.AsyncClient, valkey: redis.Redis, settings: Settings
) -> None:
    job_id = await sent(client, {**URLS, "urls": "https://a.example/?page=2&token=hush"})
    stored = f"{settings.key_prefix}job:{job_id}"
    earlier = valkey.hset(stored, "about", "http://me:hush@a.example/?token=hush")
    assert earlier == 0  # it was there
    for path in ("/", "/jobs", f"/jobs/{job_id}"):
        response = await client.get(path)
        assert "a.example" in response.text
        assert "hush" not in response.text


async def test_the_home_page_lists_recent_jobs(client: httpx.AsyncClient, player: Player) -> None:
    done, queued = await sent(client, URLS), await sent(client, TOPIC)
    await player.finish(done)
    home = (await client.get("/")).text
    assert f'href="/jobs/{done}"' in home
    assert f'href="/jobs/{queued}"' in home
    assert "Use background processing for large batches" in home
    assert "No worker is running" in home
    assert "Earlier jobs" not in home


async def test_health_checks_are_not_among_the_recent_jobs(client: httpx.AsyncClient) -> None:
    job_id = await sent(client, URLS)
    for _ in range(RECENT_JOBS):
        await client.post("/jobs", json={"type": "health_check"})
    home = (await client.get("/")).text
    assert listed(home) == [job_id]
    assert "Earlier jobs" not in home


async def test_earlier_jobs_are_a_link_away(client: httpx.AsyncClient) -> None:
    ids = [await sent(client, TOPIC) for _ in range(RECENT_JOBS + 2)]
    home = (await client.get("/")).text
    assert listed(home) == ids[:1:-1]
    link = re.search(r'<a href="(/\?cursor=[0-9a-f-]+#jobs)">Earlier jobs</a>', home)
    assert link is not None

    earlier = (await client.get(link[1])).text
    assert listed(earlier) == ids[1::-1]
    assert '<a href="/#jobs">Newest jobs</a>' in earlier
    assert '<a href="/?cursor=' not in earlier
    assert (await client.get("/?cursor=../x")).status_code == 422


def listed(home: str) -> list[str]:
    """The ids of the jobs on a home page, in their order."""
    return re.findall(r'<a href="/jobs/([0-9a-f-]{36})">', home)


async def test_without_a_script_times_are_in_utc(client: httpx.AsyncClient) -> None:
    job_id = await sent(client, URLS)
    for path in ("/", f"/jobs/{job_id}"):
        page = (await client.get(path, headers=BROWSER)).text
        assert re.search(
            r'<time class="moment [a-z]*" datetime="[^"]+\+00:00">'
            r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC</time>",
            page,
        )


async def test_a_page_about_a_job_links_to_it(client: httpx.AsyncClient) -> None:
    body = {"type": "single_analysis", "url": "https://a.example/"}
    job_id = (await client.post("/jobs", json=body)).json()["job_id"]
    response = await client.post(f"/jobs/{job_id}/retry", headers={"Accept": "text/html"})
    assert response.status_code == 409
    assert f'<a href="/jobs/{job_id}">' in response.text
    assert "/status" not in response.text
