"""What one would use otherwise: a hub pipeline for each task, each with an encoder of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, pipeline

from hiernlp.hub import Bundle
from hiernlp.kinds._base import Kind

SIZES = (1, 8, 16, 32, 64)
"""Sentences a batch that are tried."""


class Pipelines:
    """A pipeline of transformers for each task of a model that reads one sentence, over the same encoder's weights.

    Each has a linear head of as many labels as the task has beliefs to feed: for trees, too, for which there is no
    pipeline. The heads are not trained. Those of spans say that every word is outside of all, for which a pipeline
    writes nothing; what else they say makes no difference to the time.

    Args:
        bundle: the model with the tasks.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.parts: list[Any] = []
        self.size = SIZES[0]
        encoder = bundle.model.scheme.encoders[0].model
        for task in bundle.model.tasks:
            if bundle.model.reads_pairs(task):
                continue
            head: Kind[Any, Any] = bundle.model.heads[task]  # pyright: ignore[reportAssignmentType]
            outside = {0: "O"} if head.level == "spans" else {}
            names = {i: str(i) for i in range(head.feedback_size)} | outside
            kept = encoder.config.to_dict() | {"id2label": names, "label2id": {name: i for i, name in names.items()}}
            whole = head.level == "sentence"
            kind = AutoModelForSequenceClassification if whole else AutoModelForTokenClassification
            model = kind.from_config(type(encoder.config).from_dict(kept)).eval()
            model.base_model.load_state_dict(encoder.state_dict(), strict=False)
            if outside:
                with torch.no_grad():
                    model.classifier.bias[0] = 1e4
            name = "text-classification" if whole else "token-classification"
            self.parts.append(pipeline(name, model=model, tokenizer=bundle.encoder.tokenizer, device="cpu"))

    def tune(self, sentences: Sequence[Sequence[str]]) -> None:
        """Find the number of sentences a batch that is fastest on some sentences."""
        spent: dict[int, float] = {}
        self(sentences[:8])
        for self.size in SIZES:
            before = time.perf_counter()
            self(sentences)
            spent[self.size] = time.perf_counter() - before
        self.size = min(spent, key=lambda size: spent[size])

    def __call__(self, sentences: Sequence[Sequence[str]]) -> None:
        """Run all of them over sentences of words, which blanks join, longest first to pad little."""
        texts = sorted((" ".join(words) for words in sentences), key=len, reverse=True)
        for part in self.parts:
            part(texts, batch_size=self.size)
