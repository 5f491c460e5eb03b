"""JSON lines: one object a document."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hiernlp.inference.writers._base import Writer

if TYPE_CHECKING:
    from hiernlp.inference.document import Document

# Lone surrogates cannot be encoded as UTF-8, and the others end a line for some readers.
_ESCAPED = re.compile("[\ud800-\udfff\x7f-\x9f\u2028\u2029]")


class Json(Writer):
    """One JSON object on one line for each document, with the keys of ``Document.to_dict``.

    Numbers that JSON lacks (NaN, infinities) become null. Text stays readable: only what could break a line or its
    encoding is escaped.
    """

    def write(self, document: Document) -> str:
        """Return one line of JSON and a newline."""
        return to_line(document.to_dict()) + "\n"


def to_line(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a value as JSON on one line that UTF-8 can hold, whatever characters and numbers are in it.

    What JSON has no type for becomes a string.
    """
    text = json.dumps(_clean(value), ensure_ascii=False, allow_nan=False, default=str)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _clean(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
