"""A graph cut to some of its outputs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import onnx_ir
from onnx_ir.passes.common import ClearMetadataAndDocStringPass, RemoveUnusedFunctionsPass, RemoveUnusedNodesPass


def cut(source: Path, outputs: Collection[str], target: Path, *, rows: str | None = None) -> None:
    """Write a graph that computes some of another one's outputs, and nothing that these do not take.

    Weights that lie in a file of their own stay there; both graphs must lie in one folder with it.

    Args:
        source: the file of the whole graph.
        outputs: names of the outputs to keep.
        target: the file to write.
        rows: the input that is asked for the number of rows in place of a task's own inputs. Of all inputs with the
            same number of rows the whole graph asks one, which may be that of a task that is left out here.
    """
    model = onnx_ir.load(source)
    graph = model.graph
    for kept in [value for value in graph.inputs if value.name == rows]:
        asked = [use for value in graph.inputs for use in value.uses() if "/" in (value.name or "")]
        for use in asked:
            if use.node.op_type == "Shape":
                use.node.replace_input_with(use.idx, kept)
    graph.outputs[:] = [value for value in graph.outputs if value.name in outputs]
    RemoveUnusedNodesPass()(model)
    RemoveUnusedFunctionsPass()(model)
    # Which line of code each operator comes from, with the paths of this machine.
    ClearMetadataAndDocStringPass()(model)
    graph.inputs[:] = [value for value in graph.inputs if value.uses()]
    onnx_ir.save(model, target)
