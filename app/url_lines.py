"""A list of URLs as people give it to the command and the form: one on each line.

Blank lines and lines that begin with # are left out, and so is what follows the URL on its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from tasks.jobs.submission import MAX_INVALID_URLS, MAX_URL_QUOTED, url_fault
from tasks.redaction import text_without_secrets


class UrlLine(Struct, frozen=True, kw_only=True):
    """A line with a URL, or with something else."""

    place: str
    """Where it stands, for a message: `line 3`."""
    text: str
    """The whole line."""
    url: str
    """Its first word."""


def read_url_lines(lines: Iterable[str]) -> list[UrlLine]:
    """The lines that are neither blank nor a comment. A # within a URL begins its fragment."""
    return [
        UrlLine(place=f"line {number}", text=line.strip(), url=words[0])
        for number, line in enumerate(lines, 1)
        if (words := line.split()) and not words[0].startswith("#")
    ]


def usable(lines: Iterable[UrlLine]) -> list[UrlLine]:
    """Those whose URL a job can have."""
    return [line for line in lines if url_fault(line.url) is None]


def faults_in(lines: Iterable[UrlLine]) -> Sequence[str]:
    """A sentence for each line whose URL a job cannot have; at most MAX_INVALID_URLS, then how many
    more. Empty if there is none.
    """
    sentences = [
        f"{line.place}: “{_shown(text_without_secrets(line.text))}” {fault}."
        for line in lines
        if (fault := url_fault(line.url))
    ]
    more = len(sentences) - MAX_INVALID_URLS
    if more > 0:
        sentences[MAX_INVALID_URLS:] = [f"{more} more line{'s' if more > 1 else ''} like these."]
    return sentences


def _shown(text: str) -> str:
    return text if len(text) <= MAX_URL_QUOTED else f"{text[: MAX_URL_QUOTED - 1]}…"
