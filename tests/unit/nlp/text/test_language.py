"""The language of a text is detected where it is long enough."""

from __future__ import annotations

import pytest

from nlp.text.language import is_english, language_of
from tests.unit.nlp.samples import prose


def test_languages_are_detected() -> None:
    german = "Die Regierung hat am Montag angekündigt, dass sie das Gesetz noch ändern will."
    assert language_of(prose(1)) == "en"
    assert language_of(german) == "de"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("he", "הַמּוֹעֵצָה הִצְבִּיעָה בְּיוֹם שְׁלִישִׁי לְמַעַן בְּנִיַּת הַגֶּשֶׁר הַיָּשָׁן"),
        ("ar", "صوت مجلس المدينة يوم الثلاثاء لصالح إعادة بناء الجسر القديم فوق النهر."),
        ("hi", "नगर परिषद ने मंगलवार को नदी पर बने पुराने पुल के पुनर्निर्माण के लिए मतदान किया।"),
        ("ko", "시의회는 화요일에 강을 가로지르는 오래된 다리를 다시 짓기로 결정했다."),
        ("ja", "市議会は火曜日、川に架かる古い橋の再建を決めた。"),
        ("zh", "市议会周二投票决定重建河上的旧桥，工程将于三月开始。"),
        ("el", "Το δημοτικό συμβούλιο ψήφισε την Τρίτη την ανοικοδόμηση της παλιάς γέφυρας."),
        ("uk", "Міська рада у вівторок проголосувала за відбудову старого мосту через річку."),
        ("fa", "شورای شهر روز سه‌شنبه به بازسازی پل قدیمی روی رودخانه رأی داد و کار آغاز شد."),
    ],
)
def test_a_language_has_the_code_that_results_promise(code: str, text: str) -> None:
    assert language_of(text) == code


def test_a_short_text_has_no_language() -> None:
    assert language_of("Hello there. 12345") is None
    assert is_english(None)
