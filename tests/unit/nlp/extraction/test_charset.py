"""A page is decoded correctly, also where its headers are wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.extraction.charset import decode

ENGLISH = "<p>“No”, said the minister at the café – it’s naïve. The plan costs £5, or €6.</p>"
GERMAN = "<p>Die Regierung kündigte für nächstes Jahr größere Maßnahmen an.</p>" * 5
RUSSIAN = "<p>Правительство заявило, что программа начнётся в следующем году.</p>" * 5
JAPANESE = "<p>政府は新しい計画を発表しました。来年から始まります。</p>" * 5


@pytest.mark.parametrize(
    ("text", "written_in", "declared"),
    [
        (ENGLISH, "utf-8", "iso-8859-1"),
        (ENGLISH, "cp1252", "utf-8"),
        (ENGLISH, "cp1252", "iso-8859-1"),
        (ENGLISH, "cp1252", None),
        (ENGLISH, "utf-8", None),
        (ENGLISH, "utf-8", "no-such-charset"),
        (ENGLISH, "utf-8-sig", "cp1252"),
        (ENGLISH, "utf-16", "utf-8"),
        (ENGLISH, "utf-16-le", "utf-16le"),
        (GERMAN, "cp1252", "utf-8"),
        (RUSSIAN, "cp1251", "utf-8"),
        (RUSSIAN, "koi8_r", None),
        (JAPANESE, "shift_jis", "utf-8"),
        (JAPANESE, "iso2022_jp", "iso-2022-jp"),
        (JAPANESE, "euc_jp", "euc-jp"),
    ],
)
def test_the_text_is_decoded_as_it_was_written(
    text: str, written_in: str, declared: str | None
) -> None:
    content_type = f"text/html; charset={declared}" if declared else "text/html"
    assert decode(text.encode(written_in), content_type) == text


def test_a_meta_element_is_used_where_the_header_is_wrong() -> None:
    text = '<meta charset="windows-1250"><p>źródło</p>'
    assert decode(text.encode("cp1250"), "text/html; charset=utf-8") == text


def test_a_utf8_page_that_was_cut_off_is_still_utf8() -> None:
    body = (ENGLISH + "é").encode()[:-1]
    assert decode(body, "text/html; charset=iso-8859-1") == ENGLISH + "\ufffd"


@given(st.binary(max_size=400), st.none() | st.text(max_size=40))
def test_no_bytes_and_no_header_raise(body: bytes, content_type: str | None) -> None:
    decode(body, content_type)


def test_a_codec_that_does_not_decode_to_text_is_not_used() -> None:
    assert decode(b"plain", "text/html; charset=zlib") == "plain"
