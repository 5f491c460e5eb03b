r"""The output formats: one file a format, and the file's name is the format's name.

Example:
    >>> from hiernlp.inference.document import Document, Sentence
    >>> sorted(formats.names())
    ['conllu', 'html', 'json', 'table']
    >>> writer("json").write(Document("Hi", []))
    '{"text": "Hi", "sentences": []}\n'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hiernlp.registry import Room

if TYPE_CHECKING:
    from hiernlp.inference.writers._base import Writer

formats = Room("hiernlp.inference.writers", "output format")
"""The room of the writers; ``formats.names()`` are the formats."""


def writer(name: str) -> Writer:
    """Return the writer of a format, with its default settings.

    Raises:
        HierNLPError: there is no such format.
    """
    return formats.load(name)()
