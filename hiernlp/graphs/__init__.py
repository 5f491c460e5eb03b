"""A trained model as ONNX graphs: made and checked with torch, run without it.

- ``manifest.json``: what the folder holds: the tasks with their label spaces and layers, the tokenizer's special
  subwords, and which graph computes which tasks;
- ``depth-<layer>.onnx``: what the tasks on single sentences say, up to a layer; ``joined-<layer>.onnx``: what tasks
  say that read pairs together; ``vectors-<layer>.onnx`` and ``judged-<layer>.onnx``: how tasks that read pairs apart
  come by what they say; ``...-probabilities.onnx``: the same with what probabilities take;
- ``choice-<number>.onnx``: what a task's head says once its decoder has chosen;
- ``weights.bin``: the weights, which all graphs but those of choices share;
- ``tokenizer.json``: the tokenizer; ``recipe.yaml``: the recipe that the model was trained by.

:mod:`.manifest`, :mod:`.inputs`, :mod:`.tokenizer`, :mod:`.running`, :mod:`.analyzer` and :mod:`.opening` import
neither torch nor transformers.
"""
