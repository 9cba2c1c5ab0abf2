# ruff: noqa: RUF001 - letters of many scripts are what this is about
from __future__ import annotations

import random

import pytest

from engines._support import encodings

TEXTS = {
    "cp1252": [
        "Grüße\naus Köln",
        "Name;Größe\nJürgen;1,80\nZoë;1,60\n",
        "Ça va très bien, à bientôt été français œuvre",
        "El niño comió piñas, ¿verdad?",
        "price 5 € – “quoted”",
        "Größe",
        "ÄÖÜ",
        "año",
        "m² und 5³",
    ],
    "cp1250": ["Zażółć gęślą jaźń", "Łódź, Kraków; miłość i książka"],
    "cp932": [
        "日本語のテキスト",
        "名前,年齢\n山田太郎,30\n鈴木花子,25\n",
        "これはテストです。漢字とかなを含む文章。",
        "ﾃｽﾄ テスト",
        "name,city\nYamada,東京\n",
    ],
    "euc_jp": ["日本語のテキスト", "これはテストです。漢字とかなを含む文章。"],
    "gb18030": ["姓名,年龄\n张三,30\n李四,25\n", "这是一个测试文件,包含中文字符。"],
    "big5": ["姓名,年齡\n張三,30\n李四,25\n", "這是一個測試文件,包含中文字符。"],
    "cp949": ["이름,나이\n홍길동,30\n", "이것은 테스트 파일입니다. 한국어 문자가 포함되어 있습니다."],
    "cp1251": ["Привет, мир", "Имя;Возраст\nИван;30\n"],
    "koi8_r": ["Привет, мир", "Имя;Возраст\nИван;30\n"],
    "cp1253": ["Γειά σου Κόσμε, καλημέρα"],
    "cp1256": ["مرحبا بالعالم"],
    "cp874": ["สวัสดีชาวโลก"],
    "utf-8": ["Grüße", "日本語", "plain"],
    "utf-8-sig": ["Grüße"],
    "utf-16": ["Grüße", "日本語"],
    "utf-16-le": ["Grüße aus Köln"],
    "utf-16-be": ["Grüße aus Köln"],
    "utf-32": ["Grüße"],
}


@pytest.mark.parametrize(("encoding", "text"), [(e, text) for e, texts in TEXTS.items() for text in texts])
def test_texts_are_read_as_they_were_written(tmp_path, encoding, text):
    path = tmp_path / "in.txt"
    path.write_bytes(text.encode(encoding))

    found = encodings.of(path)

    assert path.read_text(encoding=found) == text, found


def test_what_a_page_says_counts_where_it_can_be(tmp_path):
    path = tmp_path / "in.html"
    path.write_bytes('<meta charset="iso-8859-2"><p>Příliš'.encode("iso-8859-2"))

    assert encodings.of(path, is_page=True) == "iso-8859-2"
    assert encodings.of(path) != "iso-8859-2"


@pytest.mark.parametrize("claim", ["utf-8", "zip", "no-such-thing", "utf-16"])
def test_a_page_that_says_what_cannot_be_is_not_believed(tmp_path, claim):
    path = tmp_path / "in.html"
    path.write_bytes(f'<meta charset="{claim}"><p>Größe'.encode("cp1252"))

    assert encodings.of(path, is_page=True) == "cp1252"


def test_a_page_in_utf8_is_that_whatever_it_says(tmp_path):
    path = tmp_path / "in.html"
    path.write_text('<meta charset="iso-8859-1"><p>Größe', encoding="utf-8")

    assert encodings.of(path, is_page=True) == "utf-8"


def test_noise_is_no_text(tmp_path):
    (tmp_path / "in").write_bytes(random.Random(7).randbytes(5000))

    with pytest.raises(encodings.NoText):
        encodings.of(tmp_path / "in")
