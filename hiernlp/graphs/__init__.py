"""A trained model as ONNX graphs: made and checked with torch, run without it.

- ``manifest.json``: what the folder holds: the tasks with their label spaces and layers, the tokenizer's special
  subwords, and which graph computes which tasks;
- ``depth-<layer>.onnx``: what the tasks up to a layer say, and ``depth-<layer>-probabilities.onnx``, the same with what
  probabilities take; ``choice-<number>.onnx``: what a task's head says once its decoder has chosen;
- ``weights.bin``: the weights, which the graphs by depth share;
- ``tokenizer.json``: the tokenizer.

:mod:`.manifest`, :mod:`.inputs`, :mod:`.tokenizer`, :mod:`.running` and :mod:`.analyzer` import neither torch nor
transformers.
"""
