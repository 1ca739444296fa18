"""Google News and Bing News as feeds. No manual says how they answer: this is what is seen of them.

Google's links hold the article's address in base64, or hide it; Bing's hold it as a parameter.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from email.utils import format_datetime
from html import escape
from typing import Any
from urllib.parse import quote

from tests.sampleweb.reply import Reply
from tests.sampleweb.services.asked import Asked, found, untidy_links

ITEMS = 100


def google(asked: Asked) -> Reply:
    return _feed(asked, _google_link)


def bing(asked: Asked) -> Reply:
    return _feed(asked, _bing_link)


def _google_link(url: str) -> str:
    """As they were before Google hid the addresses: a record whose fourth field is the address."""
    held = b'\x08\x13"' + bytes([len(url)]) + url.encode() + b"\xd2\x01\x00"
    token = base64.urlsafe_b64encode(held).decode().rstrip("=")
    return f"http://googlenews.sampleweb.example/rss/articles/{token}?oc=5"


def _bing_link(url: str) -> str:
    counted = quote(url, safe="")
    return f"http://bingnews.sampleweb.example/news/apiclick.aspx?ref=FexRss&aid=&url={counted}&c=1"


def _feed(asked: Asked, link_to: Callable[[str], str]) -> Reply:
    items: Iterable[tuple[Any, Any, str]]
    if asked.untidy("q"):
        items = [(url, title, "") for url, title in untidy_links()]
    else:
        items = [
            (
                one.url,
                f"{one.title} - {one.host.title}",
                format_datetime(one.published(asked.today)),
            )
            for one in found(asked.parameters.get("q", ""))[:ITEMS]
        ]
    told = "\n".join(_item(link_to(str(url or "")), str(title), date) for url, title, date in items)
    body = f"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>News</title><link>http://news.example/</link>
{told}
</channel></rss>"""
    return Reply(content_type="application/xml; charset=utf-8", body=body.encode())


def _item(link: str, title: str, date: str) -> str:
    described = escape(f'<a href="{link}">{title}</a>')
    return (
        f"<item><title>{escape(title)}</title><link>{escape(link)}</link>"
        f"<pubDate>{date}</pubDate><description>{described}</description></item>"
    )
