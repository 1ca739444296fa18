"""Which service answers at which host, and the settings that lead our sources there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.sampleweb.catalogue import GDELT_URL
from tests.sampleweb.reply import Reply
from tests.sampleweb.services import arxiv, forms, guardian, hackernews, newsapi, wikipedia
from tests.sampleweb.services.asked import KEY, Asked
from tests.sampleweb.services.news_feeds import bing, google

SERVICES: Mapping[str, Callable[[Asked], Reply]] = {
    "hackernews.sampleweb.example": hackernews.answer,
    arxiv.HOST: arxiv.answer,
    arxiv.PAGES_HOST: arxiv.abstract,
    "wikipedia.sampleweb.example": wikipedia.answer,
    "newsapi.sampleweb.example": newsapi.answer,
    "guardian.sampleweb.example": guardian.answer,
    "googlenews.sampleweb.example": google,
    "bingnews.sampleweb.example": bing,
    **{forms.host_of(form): forms.answer for form in forms.FORMS},
    "echo.sampleweb.example": forms.echo,
}

ENVIRON: Mapping[str, str] = {
    "GDELT_URL": GDELT_URL,
    "HACKERNEWS_URL": "http://hackernews.sampleweb.example/api/v1/search",
    "ARXIV_URL": f"http://{arxiv.HOST}/api/query",
    "WIKIPEDIA_URL": "http://wikipedia.sampleweb.example/w/api.php",
    "NEWSAPI_URL": "http://newsapi.sampleweb.example/v2/everything",
    "NEWSAPI_KEY": KEY,
    "GUARDIAN_URL": "http://guardian.sampleweb.example/search",
    "GUARDIAN_KEY": KEY,
    "GOOGLENEWS_URL": "http://googlenews.sampleweb.example/rss/search?hl=en-US&gl=US&ceid=US:en",
    "BINGNEWS_URL": "http://bingnews.sampleweb.example/news/search?format=rss",
}
"""Every source's service, for those that SOURCES names."""
