"""A table's text from its bytes; what is another kind of file is refused by its name."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

MAGIC = {
    b"PK\x03\x04": "is a zip archive or a workbook",
    b"\x1f\x8b": "is compressed",
    b"%PDF": "is a PDF",
    b"PAR1": "is a Parquet file",
    b"\x93NUMPY": "is a NumPy file",
}
"""How files that are no text begin."""
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
WEB_PAGE = re.compile(rb"\s*<(!--|(!doctype|\?xml|html|head|meta|title|body|table|div|script|svg)\b)", re.IGNORECASE)
"""How a page begins. A name in angle brackets, such as <DATE> in exchange data, begins none."""

LOOKED_AT = 2000
"""Characters among which a text is known as one of another kind."""
XML = re.compile(rb"\s*<\?xml\b(?!.{,1000}<(!doctype\s+)?html\b)", re.IGNORECASE | re.DOTALL)
CODE = r"(from\s+[\w.]+\s+import\s|import\s+[\w.]+(\s+as\s+\w+)?\s*\n\s*[A-Za-z#@]|def\s+\w+\(|class\s+\w+[(:])"
OTHER_TEXTS = (
    (
        re.compile(r'\s*(\{\s*["}]|\[\s*([\[{"\]]|-?\d[\d.eE+-]*\s*,))'),
        "is JSON",
        "Save the table as CSV: pandas.read_json(...).to_csv(..., index=False).",
    ),
    (
        re.compile(
            r"\s*(--[^\n]*\n\s*)*(create\s+(table|database)|insert\s+into|drop\s+table|select\s[^;]*\sfrom)\s",
            re.IGNORECASE,
        ),
        "is SQL",
        "Save what it asks for as CSV.",
    ),
    (
        re.compile(rf'(#!.*python|\s*(#[^\n]*\n\s*)*("""[^"]*"""\s*)?{CODE})'),
        "is Python code",
        "Name the table that it writes or reads.",
    ),
)
"""How texts of other kinds begin, what they are, and what to do."""


def decode(path: Path, content: bytes) -> str:
    """Text of a file in UTF-8, with or without a mark."""
    for magic, what in MAGIC.items():
        if content.startswith(magic):
            raise ValueError(f"{path} {what}, not the text that its name says. Save the table as CSV.")
    if content.startswith(UTF_16_MARKS):
        raise ValueError(f"{path} is text in UTF-16. Save it as UTF-8.")
    if b"\0" in content:
        raise ValueError(f"{path} is a binary file, or text in UTF-16. Save the table as CSV in UTF-8.")
    begin = content[:LOOKED_AT].removeprefix(codecs.BOM_UTF8)
    if XML.match(begin):
        raise ValueError(f"{path} is XML, not a table. Save the table as CSV: pandas.read_xml(...).to_csv(...).")
    if WEB_PAGE.match(begin):
        raise ValueError(f"{path} is a web page, not a table. Download the file itself.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        byte = content[error.start]
        raise ValueError(f"{path}, line {line}: the byte 0x{byte:02x} is not UTF-8. Save the file as UTF-8.") from None

    for pattern, what, advice in OTHER_TEXTS:
        if pattern.match(text[:LOOKED_AT]):
            raise ValueError(f"{path} {what}, not a table. {advice}")
    return text
