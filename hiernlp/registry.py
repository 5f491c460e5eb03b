"""A room of interchangeable parts: one public file a part, and the file's name is the part's name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from hiernlp.errors import HierNLPError, did_you_mean


class Room:
    """The parts that lie in one package, found by looking at its files.

    A part ``token_labels`` is the class ``TokenLabels`` of the file ``token_labels.py``; files whose name begins with
    an underscore are shared helpers, not parts. No list is kept by hand.

    Args:
        package: dotted name of the package, such as ``"hiernlp.kinds"``.
        what: what one part is called in messages, such as ``"kind"``.
    """

    def __init__(self, package: str, what: str) -> None:
        self.package = package
        self.what = what

    def names(self) -> list[str]:
        """Return the parts' names in alphabetical order, without importing them."""
        path = importlib.import_module(self.package).__path__
        return sorted(m.name for m in pkgutil.iter_modules(path) if not m.name.startswith("_"))

    def load(self, name: str) -> Any:  # noqa: ANN401 - each room has its own base class
        """Return the class of the part called ``name``.

        Raises:
            HierNLPError: there is no such part.
        """
        if name not in self.names():
            raise HierNLPError(f"there is no {self.what} called {name!r}{did_you_mean(name, self.names())}")
        module = importlib.import_module(f"{self.package}.{name}")
        return getattr(module, "".join(part.capitalize() for part in name.split("_")))


kinds = Room("hiernlp.kinds", "kind")
readers = Room("hiernlp.corpora", "reader")
sharing = Room("hiernlp.sharing", "sharing scheme")
balancing = Room("hiernlp.balancing", "balancing method")
decoders = Room("hiernlp.decoding", "decoder")
auxiliary = Room("hiernlp.auxiliary", "label maker")
gating = Room("hiernlp.gating", "gate")
