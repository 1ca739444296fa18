"""The pages in a real browser."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from tasks.errors import Reason
from tasks.ledger.scripts import LedgerClock
from tasks.resources import open_ledger, open_traces
from tasks.settings import Settings
from tasks.telemetry.recorder import SpanPack
from tasks.telemetry.spans import pack
from tests.spans import attempt, span
from tests.web.player import Player

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

URLS = ["https://a.example/1", "https://b.example/2", "https://c.example/3"]

ZONE = ZoneInfo("America/New_York")
"""Where the reader is."""

REFUSED = "Failed to load resource: the server responded with a status of 422"
"""What Chromium says of every form that is shown again."""

expect.set_options(timeout=60_000)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@pytest.fixture
async def browser() -> AsyncIterator[BrowserContext]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await browser.new_context(timezone_id=str(ZONE), locale="en-GB")
        yield context
        await browser.close()


@pytest.fixture
async def page(browser: BrowserContext, web: str) -> AsyncIterator[Page]:
    """The home page; whatever the browser complains of on the way is a failure."""
    page = await browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    await page.goto(web)
    yield page
    assert [text for text in complaints if not text.startswith(REFUSED)] == []


async def submit_topic(page: Page) -> str:
    await page.get_by_role("textbox", name="Topic").fill("artificial intelligence")
    await page.get_by_label("Number of articles").fill("3")
    await page.get_by_role("button", name="Find articles").click()
    await expect(page.locator("#state")).to_have_text("Pending")
    return page.url.rpartition("/")[2]


async def test_a_topic_from_the_form_to_its_results(page: Page, player: Player) -> None:
    job_id = await submit_topic(page)

    await player.discover(job_id, URLS)
    await expect(page.locator("#counted")).to_have_text("0 of 3 articles")
    await expect(page).to_have_title("Progress: artificial intelligence – Content curator")
    await expect(page.locator("#state")).to_have_text("Progress")

    await player.analyse(job_id, 0, URLS[0], title="<script>alert(1)</script>")
    await player.fail(job_id, 1, URLS[1], "The server answered 404.")
    await expect(page.locator("#counted")).to_have_text("2 of 3 articles")
    assert await page.locator("#progress").get_attribute("value") == "2"
    await expect(page.locator("#failed-urls")).to_contain_text("The server answered 404.")
    failed = page.locator("#failed-urls").get_by_role("link", name=URLS[1])
    assert await failed.get_attribute("href") == URLS[1]
    assert await failed.get_attribute("rel") == "noopener nofollow"

    await player.analyse(job_id, 2, URLS[2])
    await player.rank(job_id)
    await expect(page.locator("#state")).to_have_text("Success")
    await expect(page).to_have_title("Success: artificial intelligence – Content curator")
    results = page.locator(".results > li")
    await expect(results).to_have_count(2)
    await expect(results.first).to_contain_text("<script>alert(1)</script>")
    await expect(results.first).to_contain_text("1 March 2026")
    await results.first.get_by_text("Scores").click()
    await expect(results.first.locator("meter")).to_have_count(9)
    await expect(results.first).to_contain_text("quiet week · markets")
    await expect(results.first).to_contain_text("cached")
    await expect(page.locator("#decisions > li")).to_have_count(3)
    await expect(page.locator("#decisions")).to_contain_text("The server answered 404.")
    first = page.locator("#decisions > li").first
    await first.get_by_text("Numbers").click()
    await expect(first).to_contain_text("25 % of the phrases, cosine 0.612")
    await expect(first.locator("meter")).to_have_count(9)
    link = results.first.get_by_role("link")
    assert await link.get_attribute("rel") == "noopener nofollow"


async def test_cancelling_a_running_job(page: Page, player: Player) -> None:
    job_id = await submit_topic(page)
    running = await player.claim(job_id, "discover")
    await expect(page.locator("#state")).to_have_text("Progress")

    await page.get_by_role("button", name="Cancel this job").click()
    await expect(page.locator("#state")).to_have_text("Cancelling")
    await expect(page).to_have_title("Cancelling: artificial intelligence – Content curator")
    await player.give_up(running)
    await expect(page.locator("#state")).to_have_text("Revoked")


async def test_a_cancelled_job_runs_again_by_one_click(page: Page, player: Player) -> None:
    job_id = await submit_topic(page)
    await page.get_by_role("button", name="Cancel this job").click()
    await expect(page.locator("#state")).to_have_text("Revoked")
    cancelled = page.url

    await page.get_by_role("button", name="Run again").click()

    await expect(page.locator("#state")).to_have_text("Pending")
    assert page.url != cancelled
    await expect(page.get_by_role("link", name=job_id[-12:])).to_have_attribute(
        "href", f"/jobs/{job_id}"
    )


async def test_what_is_tried_again_comes_and_goes_while_watching(
    page: Page, player: Player, settings: Settings
) -> None:
    job_id = await submit_topic(page)
    await player.discover(job_id, URLS)
    lease = await player.claim(job_id, "analyse:0")
    await expect(page.locator("#counted")).to_have_text("0 of 3 articles")
    await expect(page.locator("#retrying")).to_be_hidden()
    async with open_ledger(settings) as ledger:
        await ledger.retry(lease, 600, Reason.SERVER_ERROR, "The server answered 503.")
        [retry] = (await ledger.retrying(job_id, 5)).first

    rows = page.locator("#retries > li")
    await expect(rows.get_by_role("link", name=URLS[0])).to_be_visible()
    at = dt.datetime.fromtimestamp(retry.at_ms / 1000, ZONE)
    await expect(rows).to_contain_text(f"{at:%H:%M:%S}")
    await expect(page.locator("#retrying-count")).to_have_text("1")

    async with open_ledger(settings) as ledger:
        ledger.scripts.clock = LedgerClock(retry.at_ms)
        await ledger.reap()
    await expect(page.locator("#retrying")).to_be_hidden()


async def test_a_row_that_comes_while_watching_links_to_web_pages_only(
    page: Page, player: Player
) -> None:
    job_id = await submit_topic(page)
    await player.discover(job_id, ["javascript:alert(1)"])
    await player.fail(job_id, 0, "javascript:alert(1)", "It is no web page.")
    rows = page.locator("#failed-urls > li")
    await expect(rows).to_contain_text("javascript:alert(1)")
    await expect(rows.get_by_role("link")).to_have_count(0)


async def test_times_are_in_the_zone_of_the_reader(page: Page, web: str) -> None:
    await submit_topic(page)
    for address in (page.url, web):
        await page.goto(address)
        time = page.locator("time.moment").first
        moment = dt.datetime.fromisoformat(await time.get_attribute("datetime") or "")
        await expect(time).to_contain_text(f"{moment.astimezone(ZONE):%H:%M:%S}")
        await expect(time).not_to_contain_text("UTC")
        await expect(time).to_have_attribute("title", f"{moment:%Y-%m-%d %H:%M:%S} UTC")


async def test_a_folded_mistake_is_unfolded(page: Page) -> None:
    await page.get_by_role("textbox", name="Topic").fill("tea")
    form = page.locator("form").first
    await form.get_by_text("Options").click()
    await form.get_by_label("Deadline in minutes").fill("0")
    await form.get_by_text("Options").click()
    await expect(form.get_by_label("Deadline in minutes")).not_to_be_visible()
    await form.get_by_role("button", name="Find articles").click()
    await expect(form.get_by_label("Deadline in minutes")).to_be_focused()


async def test_bad_lines_are_left_out_on_request(page: Page) -> None:
    await page.get_by_label("URLs, one per line").fill("https://a.example/1\nnonsense")
    form = page.locator("form").nth(1)
    await form.get_by_text("Options").click()
    await form.get_by_label("Leave out lines").check()
    await form.get_by_label("Deadline in minutes").fill("2.5")
    await form.get_by_role("button", name="Analyse URLs").click()
    await expect(page.locator("#state")).to_have_text("Pending")
    await expect(page.get_by_text("Deadline")).to_be_visible()


async def test_a_mistake_is_shown_on_the_form(page: Page) -> None:
    await page.get_by_label("URLs, one per line").fill("https://a.example/1\nnonsense")
    await page.get_by_label("What they should be about").fill("tea")
    async with page.expect_response("**/") as answered:
        await page.get_by_role("button", name="Analyse URLs").click()
    assert (await answered.value).status == 422

    await expect(page.get_by_role("alert")).to_contain_text("line 2: “nonsense” is no http address")
    await expect(page.get_by_label("URLs, one per line")).to_have_value(
        "https://a.example/1\nnonsense"
    )
    await expect(page.get_by_label("What they should be about")).to_have_value("tea")


async def test_everything_fits_on_a_phone(page: Page, player: Player) -> None:
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await overflow(page) <= 0
    job_id = await submit_topic(page)
    await player.discover(job_id, URLS[:1])
    await player.analyse(job_id, 0, "https://a.example/" + "long" * 80, title="Word" * 60)
    await player.rank(job_id)
    await expect(page.locator("#state")).to_have_text("Success")
    await page.get_by_text("Numbers").click()
    assert await overflow(page) <= 0


async def overflow(page: Page) -> float:
    """Pixels by which the page is wider than the window."""
    width: float = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


async def test_the_interface_is_read_and_tried(page: Page, web: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.get_by_role("link", name="API").click()
    await expect(page.get_by_role("heading", name="Content curator")).to_be_visible()
    liveness = page.locator("#operations-health-getLiveness")
    await liveness.locator("button.opblock-summary-control").click()
    await liveness.get_by_role("button", name="Try it out").click()
    await liveness.get_by_role("button", name="Execute").click()
    await expect(liveness.locator(".live-responses-table .highlight-code")).to_contain_text("alive")
    await expect(page.locator("#operations-jobs-submitJob")).to_be_visible()
    assert f"{web}/health/live" in asked
    assert [url for url in asked if not url.startswith((f"{web}/", "data:"))] == []


async def test_a_reader_finds_where_the_time_of_a_job_went(
    page: Page, settings: Settings, web: str
) -> None:
    """Three jobs: one of a slow host, one with a retried article, one that waited for a worker."""
    slow_host = attempt("analyse:0", 1, 21, url__full="https://slow.example/a")
    quick = attempt("analyse:1", 1, 2, url__full="https://quick.example/b")
    retried = attempt(
        *("analyse:0", 1, 3),
        outcome="retried",
        error="The site answered 503 Service Unavailable.",
        error__type="server_error",
        url__full="https://flaky.example/a",
    )
    again = attempt("analyse:0", 9, 10, number=2, url__full="https://flaky.example/a")
    jobs = {
        "host": [
            attempt("discover", 0, 0.1),
            *(slow_host, span("fetch", 1, 20, slow_host, server__address="slow.example")),
            *(quick, span("fetch", 1, 1.5, quick, server__address="quick.example")),
        ],
        "retry": [attempt("discover", 0, 0.1), retried, again],
        "queue": [attempt("discover", 42, 42.1, waited=42.0), attempt("rank", 43, 44)],
    }
    for name, spans in jobs.items():
        await page.goto(web)
        job_id = await submit_topic(page)
        async with open_traces(settings) as store:
            await store.add([SpanPack(job_id=job_id, spans=pack(spans), important=True)])
        await page.goto(f"{web}/jobs/{job_id}")
        time = page.locator("#time")
        await expect(time.get_by_role("heading", name="Where the time went")).to_be_visible()
        rows = time.locator("#waterfall tbody tr")
        await expect(rows).to_have_count(len([s for s in spans if s.name != "fetch"]))
        match name:
            case "host":
                first = time.locator("#hosts tbody tr").first
                await expect(first).to_contain_text("slow.example")
                await expect(first).to_contain_text("19.0 s")
            case "retry":
                await expect(rows.nth(1)).to_contain_text("Article 1 flaky.example")
                await expect(rows.nth(1)).to_contain_text(
                    "retried server error: The site answered 503 Service Unavailable."
                )
                await expect(rows.nth(2)).to_contain_text("Article 1, attempt 2")
            case "queue":
                await expect(time.locator("#started-after")).to_have_text("42.0 s")
        widths = await time.locator("#waterfall rect").evaluate_all(
            "bars => bars.map(bar => bar.getBoundingClientRect().width)"
        )
        assert all(width > 0 for width in widths)


async def test_the_waterfall_fits_a_narrow_screen(page: Page, settings: Settings, web: str) -> None:
    job_id = await submit_topic(page)
    url = f"https://{'a-long-name.' * 8}example/{'path/' * 30}"
    spans = [attempt(f"analyse:{n}", n, n + 1, url__full=url) for n in range(60)]
    async with open_traces(settings) as store:
        await store.add([SpanPack(job_id=job_id, spans=pack(spans), important=True)])
    await page.set_viewport_size({"width": 360, "height": 800})
    await page.goto(f"{web}/jobs/{job_id}")
    await expect(page.locator("#folded")).to_contain_text("20 more attempts")
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(overflow) <= 0
