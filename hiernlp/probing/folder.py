"""The folder of a probe: what it was begun with, by which it is known again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hiernlp.files import replaced_file

BEGUN_WITH = "recipe.json"


def begin(folder: Path, identity: Mapping[str, Any]) -> bool:
    """Make the folder of a probe, or find it to be the folder of the same one.

    Args:
        folder: the folder.
        identity: all on which the results of tasks depend, as JSON has it.

    Returns:
        False where the folder holds something else, which is left as it is.
    """
    file = folder / BEGUN_WITH
    if folder.is_file() or (folder.is_dir() and not file.is_file() and any(folder.iterdir())):
        return False
    if file.is_file():
        try:
            return json.loads(file.read_text(encoding="utf-8")) == identity
        except ValueError:
            return False
    with replaced_file(file) as new:
        new.write_text(json.dumps(identity, indent=1), encoding="utf-8")
    return True


def fingerprint(module: nn.Module) -> str:
    """Return a digest of a module's weights, names included."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
