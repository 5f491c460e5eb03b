"""The linear-chain CRF against enumeration of all label sequences in float64."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from hiernlp.kinds._base import IGNORE
from hiernlp.kinds._crf import LinearChainCrf

LENGTHS = (4, 1, 3)
LABELS = 3
ALLOWED = torch.tensor([[True, True, False], [True, True, True], [False, True, True]])
ALLOWED_START = torch.tensor([True, True, False])


@dataclass(frozen=True)
class Enumerated:
    """What enumeration finds for one sentence."""

    partition: Tensor
    marginals: Tensor
    by_path: dict[tuple[int, ...], Tensor]


def enumerate_paths(crf: LinearChainCrf, scores: Tensor) -> Enumerated:
    """Sum over every allowed sequence of one sentence, scores (N, C)."""
    start, transitions, end, scores = (x.detach().double() for x in (crf.start, crf.transitions, crf.end, scores))
    by_path = {}
    for path in itertools.product(range(scores.shape[1]), repeat=len(scores)):
        if not crf.allowed_start[path[0]] or not all(crf.allowed[i, j] for i, j in itertools.pairwise(path)):
            continue
        by_path[path] = (
            start[path[0]]
            + sum(scores[t, label] for t, label in enumerate(path))
            + sum(transitions[i, j] for i, j in itertools.pairwise(path))
            + end[path[-1]]
        )
    partition = torch.stack(list(by_path.values())).logsumexp(0)
    marginals = torch.zeros_like(scores)
    for path, score in by_path.items():
        marginals[range(len(path)), path] += (score - partition).exp()
    return Enumerated(partition, marginals, by_path)


def make(*, constrained: bool, seed: int = 0) -> tuple[LinearChainCrf, Tensor, Tensor]:
    torch.manual_seed(seed)
    crf = LinearChainCrf(
        LABELS, allowed=ALLOWED if constrained else None, allowed_start=ALLOWED_START if constrained else None
    )
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(-1)
    return crf, 2 * torch.randn(len(LENGTHS), max(LENGTHS), LABELS), mask


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_marginals_equal_enumeration(*, constrained: bool, seed: int) -> None:
    crf, scores, mask = make(constrained=constrained, seed=seed)
    marginals = crf.marginals(scores, mask=mask)
    for b, length in enumerate(LENGTHS):
        expected = enumerate_paths(crf, scores[b, :length])
        torch.testing.assert_close(marginals[b, :length].double(), expected.marginals, atol=1e-6, rtol=1e-5)
        assert not marginals[b, length:].any()


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize(
    "labels",
    [
        pytest.param([[0, 1, 1, 2], [1, 9, 9, 9], [0, 1, 2, 9]], id="whole"),
        pytest.param([[0, IGNORE, IGNORE, 2], [IGNORE, 9, 9, 9], [IGNORE, IGNORE, 1, 9]], id="partial"),
        pytest.param([[IGNORE] * 4, [1, 9, 9, 9], [IGNORE] * 4], id="one sentence only"),
    ],
)
def test_loss_sums_over_what_agrees_with_the_annotation(*, constrained: bool, labels: list[list[int]]) -> None:
    crf, scores, mask = make(constrained=constrained)
    expected = torch.zeros((), dtype=torch.float64)
    for b, length in enumerate(LENGTHS):
        known = labels[b][:length]
        if all(label == IGNORE for label in known):
            continue
        found = enumerate_paths(crf, scores[b, :length])
        agreeing = [
            score
            for path, score in found.by_path.items()
            if all(k in (IGNORE, label) for k, label in zip(known, path, strict=True))
        ]
        expected += found.partition - torch.stack(agreeing).logsumexp(0)
    # Whatever stands in the padding is of no account: 9 above is no label at all.
    loss = crf.negative_log_likelihood(scores, mask=mask, labels=torch.tensor(labels))
    torch.testing.assert_close(loss.double(), expected, atol=1e-5, rtol=1e-5)


def test_gradient_of_the_scores_is_marginals_less_gold() -> None:
    crf, scores, mask = make(constrained=True)
    scores.requires_grad_()
    labels = torch.tensor([[0, 1, 1, 2], [1, 0, 0, 0], [0, 1, 2, 0]])
    crf.negative_log_likelihood(scores, mask=mask, labels=labels).backward()
    one_hot = torch.nn.functional.one_hot(labels, LABELS) * mask.unsqueeze(-1)
    with torch.no_grad():
        expected = crf.marginals(scores, mask=mask) - one_hot
    torch.testing.assert_close(scores.grad, expected, atol=1e-5, rtol=1e-5)


def test_a_sentence_without_annotation_costs_exactly_nothing() -> None:
    crf, scores, mask = make(constrained=True)
    scores.requires_grad_()
    labels = torch.full(mask.shape, IGNORE).masked_fill(~mask, 1)  # what stands in the padding is no annotation
    loss = crf.negative_log_likelihood(scores, mask=mask, labels=labels)
    loss.backward()
    assert loss.item() == 0
    assert scores.grad is not None
    assert not scores.grad.any()
    assert all(not p.grad.any() for p in crf.parameters() if p.grad is not None)


def test_marginals_can_be_learnt_through() -> None:
    crf, scores, mask = make(constrained=True)
    scores.requires_grad_()
    (crf.marginals(scores, mask=mask) ** 2).sum().backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()
    assert scores.grad[mask].any()
    assert not scores.grad[~mask].any()


def test_long_sentences_keep_their_precision() -> None:
    torch.manual_seed(0)
    crf = LinearChainCrf(5)
    scores = 10 * torch.randn(1, 3000, 5) + 100
    labels = scores.argmax(-1)
    loss = crf.negative_log_likelihood(scores, mask=torch.ones(1, 3000, dtype=torch.bool), labels=labels)
    # All transitions are 0, so that words are independent.
    expected = -scores.double().log_softmax(-1).gather(-1, labels.unsqueeze(-1)).sum()
    torch.testing.assert_close(loss.double(), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_scores_are_summed_in_float32(dtype: torch.dtype) -> None:
    crf, scores, mask = make(constrained=True)
    labels = torch.zeros(mask.shape, dtype=torch.long)
    scores = scores.to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = crf.negative_log_likelihood(scores, mask=mask, labels=labels)
        marginals = crf.marginals(scores, mask=mask)
    assert loss.dtype == marginals.dtype == torch.float32
    torch.testing.assert_close(loss, crf.negative_log_likelihood(scores.float(), mask=mask, labels=labels))
    torch.testing.assert_close(marginals, crf.marginals(scores.float(), mask=mask))
