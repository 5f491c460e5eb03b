"""Labels that models guess."""

import json

import pytest


@pytest.fixture
def guesses(script, monkeypatch):
    found = script("_guesses")
    monkeypatch.setattr(found, "trained", lambda *_: None)
    return found


class Sentences:
    """What a model says of each sentence, by how many words it has."""

    def __init__(self, sentences):
        self.sentences = sentences


def test_probabilities_are_means_over_the_models(guesses, monkeypatch, tmp_path):
    positive = {"seed-1": 0.9, "seed-2": 0.2}

    def load(folder):
        p = positive[folder.name]
        return lambda words, **_: Sentences([{"mood_probability": {"bad": 1 - p, "good": p}} for _ in words])

    monkeypatch.setattr(guesses.hiernlp, "load", load)
    file = tmp_path / "guesses.jsonl"
    guesses.write_guesses(file, ["a fine one"], recipe={}, task="mood", seeds=["1", "2"], folder=tmp_path / "models")
    [row] = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert row == {"text": "a fine one", "guessed": "good", "shares": {"bad": 0.45, "good": 0.55}}
    assert guesses.guesses(file) == ["good"]
