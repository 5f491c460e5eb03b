"""What a writer is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hiernlp.inference.document import Document


class Writer(ABC):
    """Turns documents into text of one format."""

    @abstractmethod
    def write(self, document: Document) -> str:
        """Return the document in this format, ending in a newline if there is anything.

        Pure: the texts of several documents, one after the other, are one file.
        """
