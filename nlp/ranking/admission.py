"""Admission: which articles a job accepts at all, by date, language and domain."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

from msgspec import Struct

from nlp.article import Article
from nlp.decision import Decision, Verdict
from nlp.urls import canonical_url


class Admission(Struct, frozen=True, kw_only=True):
    """What an article must be for a job that accepts only some."""

    published_after: dt.datetime | None = None
    """Aware. An article without a date is not accepted either."""
    languages: tuple[str, ...] = ()
    """ISO 639-1; empty for all. An article whose language is not known is not accepted either."""
    include_domains: tuple[str, ...] = ()
    """Host names, as `host_of` gives them; empty for all. Each stands for its subdomains too."""
    exclude_domains: tuple[str, ...] = ()

    def accepts_site(self, url: str) -> bool:
        """Whether an article at this address can be accepted, as far as its domain goes."""
        host = host_of(url)
        included = not self.include_domains or _is_under(host, self.include_domains)
        return included and not _is_under(host, self.exclude_domains)

    def objection(self, article: Article) -> str | None:
        """Why the article is not accepted, as a sentence; None if it is."""
        if not self.accepts_site(article.url):
            host = host_of(article.url)
            if _is_under(host, self.exclude_domains):
                return f"The job excludes {host}."
            return f"The job asks only for some domains, and {host} is none of them."
        return self._untimely(article) or self._foreign(article)

    def _untimely(self, article: Article) -> str | None:
        after = self.published_after
        if after is None:
            return None
        wanted = f"the job asks for articles published after {_moment(after)}"
        if article.publish_date is None:
            return f"It gives no date, and {wanted}."
        if article.publish_date <= after:
            return f"It was published {_moment(article.publish_date)}, and {wanted}."
        return None

    def _foreign(self, article: Article) -> str | None:
        if not self.languages or article.language in self.languages:
            return None
        wanted = f"the job asks for {' or '.join(self.languages)}"
        if article.language is None:
            return f"Its language is not known, and {wanted}."
        return f"Its language is {article.language}, and {wanted}."


def not_admitted(article: Article, objection: str) -> Decision:
    return Decision(
        url=article.url,
        verdict=Verdict.NOT_ADMITTED,
        explanation=objection,
        title=article.title,
        domain=article.domain,
    )


def host_of(url: str) -> str:
    """The host of an http or https URL, lower-case, in ASCII. Raises ValueError for any other."""
    return urlsplit(canonical_url(url)).hostname or ""


def _is_under(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _moment(moment: dt.datetime) -> str:
    """In UTC; the date alone at midnight."""
    utc = moment.astimezone(dt.UTC)
    date = f"{utc.day} {utc:%B %Y}"
    return date if utc.time() == dt.time(0) else f"{date} at {utc:%H:%M} UTC"
