"""In which numbers a model computes: one file a precision, and the file's name is the precision's name.

A precision gives up some exactness for speed. Which of them is faster depends on the processor, and how often answers
stay the same on the model: ``scripts/benchmark.py`` measures both.

Example:
    >>> sorted(precisions.names())
    ['bfloat16', 'float32', 'int8']
"""

from __future__ import annotations

from hiernlp.registry import Room

precisions = Room("hiernlp.inference.precision", "precision")
"""The room of the precisions; ``precisions.names()`` are their names."""
