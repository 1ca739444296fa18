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


@pytest.mark.parametrize(
    ("text", "codec", "label"),
    [(RUSSIAN, "cp1251", "windows-1251"), (JAPANESE, "cp932", "shift_jis")],
)
def test_the_western_charset_in_a_header_is_a_default_of_the_server(
    text: str, codec: str, label: str
) -> None:
    text = f'<meta charset="{label}">{text}'
    assert decode(text.encode(codec), "text/html; charset=ISO-8859-1") == text


def test_a_utf8_page_that_was_cut_off_is_still_utf8() -> None:
    body = (ENGLISH + "é").encode()[:-1]
    assert decode(body, "text/html; charset=iso-8859-1") == ENGLISH + "\ufffd"


@given(st.binary(max_size=400), st.none() | st.text(max_size=40))
def test_no_bytes_and_no_header_raise(body: bytes, content_type: str | None) -> None:
    decode(body, content_type)


def test_a_codec_that_does_not_decode_to_text_is_not_used() -> None:
    assert decode(b"plain", "text/html; charset=zlib") == "plain"


CHINESE = "<p>港務委員會投票決定重建舊市場，工程將於明年開始。</p>"
SIMPLE_CHINESE = "<p>港口委员会投票决定重建旧市场，工程将于明年开始。</p>"
KOREAN = "<p>항만 위원회는 화요일 오래된 시장을 다시 짓기로 했다.</p>"
THAI = "<p>สภาท่าเรือลงมติให้สร้างตลาดใหม่ในปีหน้า</p>"
HEBREW = "<p>מועצת הנמל החליטה לבנות מחדש את השוק הישן.</p>"


@pytest.mark.parametrize(
    ("text", "written_in", "label"),
    [
        (CHINESE, "big5", "big5"),
        (SIMPLE_CHINESE, "gbk", "gb2312"),
        (SIMPLE_CHINESE, "gb18030", "gb18030"),
        (KOREAN, "euc_kr", "euc-kr"),
        (JAPANESE, "euc_jp", "euc-jp"),
        (JAPANESE, "cp932", "shift_jis"),
        (RUSSIAN, "utf-8", "utf-8"),
        (RUSSIAN, "cp1251", "windows-1251"),
        (THAI, "cp874", "tis-620"),
    ],
)
@pytest.mark.parametrize("stray", [b"\xff", b"\x98", b"\xfe\xff"])
def test_a_stray_byte_costs_only_itself(
    text: str, written_in: str, label: str, stray: bytes
) -> None:
    body = text.replace("<p>", "<p>x ", 1).encode(written_in).replace(b"x", stray, 1)
    decoded = decode(body, f"text/html; charset={label}")
    assert decoded.endswith(text.removeprefix("<p>"))
    assert decode(b"<meta charset=" + label.encode() + b">" + body).endswith(text[3:])


@pytest.mark.parametrize(
    ("text", "written_in", "label"),
    [
        (THAI, "cp874", "windows-874"),
        (THAI, "cp874", "DOS-874"),
        (RUSSIAN, "koi8_r", "koi"),
        (RUSSIAN, "cp1251", "x-cp1251"),
        (RUSSIAN, "cp1251", "win-1251"),
        (RUSSIAN, "mac_cyrillic", "x-mac-ukrainian"),
        (JAPANESE, "cp932", "x-sjis"),
        (JAPANESE, "cp932", "windows-31j"),
        (KOREAN, "cp949", "windows-949"),
        (KOREAN, "cp949", "ks_c_5601-1989"),
        (SIMPLE_CHINESE, "gbk", "x-gbk"),
        (SIMPLE_CHINESE, "gbk", "gb_2312-80"),
        (CHINESE, "big5", "x-x-big5"),
        (HEBREW, "iso8859_8", "iso-8859-8-i"),
        (HEBREW, "iso8859_8", "logical"),
        ("<p>źródło</p>", "iso8859_2", "iso88592"),
        ("<p>καφές</p>", "iso8859_7", "sun_eu_greek"),
    ],
)
def test_labels_of_the_encoding_standard_that_python_does_not_know(
    text: str, written_in: str, label: str
) -> None:
    assert decode(text.encode(written_in), f"text/html; charset={label}") == text


@pytest.mark.parametrize(
    ("body", "label", "expected"),
    [
        ("年末①".encode("euc_jis_2004"), "euc-jp", "年末①"),
        ("年末".encode("euc_jp") + b"\xad\xea", "x-euc-jp", "年末㈱"),
        ("第①号 ㈱ です".encode("cp932"), "shift_jis", "第①号 ㈱ です"),
        ("舊市場的價格 ".encode("big5") + b"\xa3\xe1 100", "big5", "舊市場的價格 € 100"),
        ("价格 ".encode("gbk") + b"\x80 100", "gbk", "价格 € 100"),
    ],
)
def test_characters_that_browsers_know_beside_those_of_python(
    body: bytes, label: str, expected: str
) -> None:
    assert decode(body, f"text/html; charset={label}") == expected


def test_the_encoding_of_an_xml_declaration_is_used() -> None:
    text = '<?xml version="1.0" encoding="windows-1251"?><rss><title>Новости дня</title></rss>'
    assert decode(text.encode("cp1251"), "application/rss+xml") == text


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_markup_in_utf16_needs_no_byte_order_mark(codec: str) -> None:
    text = '<?xml version="1.0" encoding="utf-16"?><rss/>'
    assert decode(text.encode(codec)) == text


def test_ascii_that_declares_utf16_is_ascii() -> None:
    text = '<?xml version="1.0" encoding="utf-16"?><rss>café</rss>'
    assert decode(text.encode(), "text/xml; charset=utf-16") == text


def test_a_declared_charset_that_hardly_fits_is_a_lie() -> None:
    assert decode(GERMAN.encode("cp1252"), "text/html; charset=utf-8") == GERMAN
    assert decode(JAPANESE.encode("cp932"), "text/html; charset=euc-jp") == JAPANESE
