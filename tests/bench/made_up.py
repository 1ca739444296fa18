"""Pages that nobody wrote: hypothesis puts markup together, and finds the smallest that breaks."""

from __future__ import annotations

from hypothesis import strategies as st

_TAGS = st.sampled_from(
    ["div", "p", "a href='/n/x'", "span", "li", "ul", "table", "td", "h1", "form", "blockquote"]
)
_PIECES = st.one_of(
    _TAGS.map("<{}>".format),
    _TAGS.map(lambda tag: f"</{tag.split()[0]}>"),
    st.sampled_from(["words of a text. ", "<!--", "-->", "<script>", "</script>", "&#0;", "\x00"]),
    st.text(max_size=8),
)


def _page(pieces: list[str]) -> bytes:
    source = "<html><head><title>T</title></head><body>" + "".join(pieces)
    return source.encode("utf-8", "replace")


MADE_UP = st.lists(_PIECES, max_size=20).map(_page)
