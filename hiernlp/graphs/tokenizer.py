"""A tokenizer that is read by the library tokenizers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hiernlp.encoding.subwords import SubwordEncoder
from hiernlp.errors import ModelFolderError, NotInstalledError
from hiernlp.graphs.manifest import TOKENIZER, Manifest

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer


@dataclass(frozen=True)
class Encoded:
    """What transformers' tokenizers return, as far as it is read here."""

    encodings: list[Encoding]


class BareTokenizer:
    """Splits words into subwords as transformers does with the same ``tokenizer.json``, and needs it not.

    Args:
        file: the ``tokenizer.json``.

    Raises:
        ModelFolderError: it cannot be read.
        NotInstalledError: the library tokenizers is absent.
    """

    is_fast = True

    def __init__(self, file: Path) -> None:
        try:
            import tokenizers  # noqa: PLC0415 - absent where only torch's side is installed
        except ModuleNotFoundError:
            raise NotInstalledError(
                "analysis needs the library tokenizers, which is not installed; pip install tokenizers"
            ) from None
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises no narrower class
            first = next(iter(str(error).splitlines()), "")
            raise ModelFolderError(f"{file}: damaged ({first}); export or copy the model again") from None
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    @property
    def backend_tokenizer(self) -> Tokenizer:
        """The tokenizer itself, by the name that transformers' have for it."""
        return self._tokenizer

    def __call__(self, sentences: Sequence[Sequence[str]], *, add_special_tokens: bool, **_: bool) -> Encoded:
        """Return the subwords of sentences given as words; the options are those of transformers."""
        return Encoded(
            self._tokenizer.encode_batch(sentences, is_pretokenized=True, add_special_tokens=add_special_tokens)
        )


def subword_encoder(manifest: Manifest, folder: Path) -> SubwordEncoder:
    """Return the subword encoder of a folder of graphs."""
    return SubwordEncoder(
        BareTokenizer(folder / TOKENIZER),
        limit=manifest.limit,
        letter_case=manifest.encoding.letter_case,
        special=manifest.special,
    )
