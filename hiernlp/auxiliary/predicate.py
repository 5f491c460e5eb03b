"""Whatever a function of the user's says of a sentence or of its words."""

from __future__ import annotations

import importlib
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from hiernlp.auxiliary._base import NO, YES, Maker, Row
from hiernlp.corpora import Shape
from hiernlp.errors import DataError, RecipeError
from hiernlp.settings import Settings


class PredicateOptions(Settings):
    """Settings of hints by a function."""

    function: str
    """``module:function``, called with the list of a sentence's words."""
    per: Literal["sentence", "word"] = "sentence"
    """Whether it answers for the sentence (a truth value or a string, None for no answer) or gives a list with one such
    answer a word."""


class Predicate(Maker[PredicateOptions]):
    """The answers of a function; true and false become ``yes`` and ``no``.

    The function must give the same answers each time. For labels of words, the task says ``kind: token_labels``.
    """

    Options = PredicateOptions
    kind = "sentence_labels"
    shape = "label"

    def __init__(self, options: PredicateOptions, *, base: Path) -> None:
        super().__init__(options, base=base)
        self.function = _function(options.function)

    @classmethod
    def shape_of(cls, options: PredicateOptions) -> Shape:
        return "label" if options.per == "sentence" else "tags"

    def label(self, row: Row) -> str | list[str | None] | None:
        words = list(row["words"])
        try:
            found = self.function(words)
        except Exception as error:
            raise DataError(
                f"{_where(row)}: the function {self.options.function!r} failed ({_reason(error)})"
            ) from error
        if self.options.per == "sentence":
            return self._answer(found, row)
        if not isinstance(found, list | tuple) or len(found) != len(row["words"]):
            shown = f"{len(found)} answers" if isinstance(found, list | tuple) else type(found).__name__
            raise DataError(
                f"{_where(row)}: expected a list of {len(row['words'])} answers from {self.options.function!r}, one a "
                f"word, found {shown}"
            )
        return [self._answer(each, row) for each in found]

    def _answer(self, found: Any, row: Row) -> str | None:  # noqa: ANN401 - whatever the function returns
        if isinstance(found, bool):
            return YES if found else NO
        if found is None or (isinstance(found, str) and found):
            return found
        raise DataError(
            f"{_where(row)}: expected True, False, None or a string from {self.options.function!r}, found "
            f"{reprlib.repr(found)}"
        )


def _function(name: str) -> Callable[[list[str]], Any]:
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise RecipeError(f"expected module:function, found {name!r}")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ModuleNotFoundError, AttributeError) as error:
        raise RecipeError(
            f"there is no function {name!r} ({error}); its module must be installed or on PYTHONPATH"
        ) from error
    except Exception as error:  # whatever the module does when it is imported
        raise RecipeError(
            f"the module {module!r} of {name!r} cannot be imported ({_reason(error)}); mend it"
        ) from error
    if not callable(found):
        raise RecipeError(f"expected a function as {name!r}, found {type(found).__name__}")
    return found


def _reason(error: Exception) -> str:
    """Return what an error says, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _where(row: Row) -> str:
    if row.get("file") is not None:
        return f"{row['file']}, line {row['line']}"
    return f"sentence {' '.join(row['words'])[:40]!r}"
