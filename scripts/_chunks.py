"""Base chunks, as CoNLL-2000 has them, from a UD tree of English with Penn tags.

The chunks of CoNLL-2000 (Tjong Kim Sang and Buchholz 2000) were cut from phrase structure trees: what lies between the
left edge of a phrase and its head. A dependency tree says the same in other words: a noun chunk is a noun with the
modifiers before it, a verb chunk a verb with its auxiliaries and the adverbs between them, and so on. Chunks are
contiguous, disjoint and of one word at least.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

BEFORE_NOUN = {"det", "amod", "compound", "nummod", "nmod:poss", "nmod:desc", "nmod:unmarked", "flat", "advmod"}
"""Relations of what stands before a noun in its chunk; below these, whatever stands there."""
AFTER_NOUN = {"flat", "fixed", "goeswith", "nummod", "nmod:unmarked"}
NOUNS = {"NOUN", "PROPN", "PRON", "NUM", "SYM"}
OF_CLAUSES = {"also", "still", "already", "now", "then", "always", "never", "often", "usually", "probably", "rarely"}
"""Adverbs that say something of the clause, not of the adjective after them."""


@dataclass(frozen=True)
class Word:
    """One word of a sentence; heads are counted from 0, and the root's is -1."""

    form: str
    upos: str
    xpos: str
    head: int
    deprel: str

    @property
    def relation(self) -> str:
        """The relation without its subtype."""
        return self.deprel.partition(":")[0]


def derive_chunks(words: Sequence[Word]) -> list[str]:
    """Return the chunk tags of a sentence in IOB2: NP, VP, PP, SBAR, ADVP, ADJP, PRT, CONJP and INTJ, or O.

    Example:
        >>> the_end = [Word("The", "DET", "DT", 1, "det"), Word("end", "NOUN", "NN", -1, "root")]
        >>> derive_chunks(the_end)
        ['B-NP', 'I-NP']
    """
    return _Chunker(words).tags()


class _Chunker:
    def __init__(self, words: Sequence[Word]) -> None:
        self.words = words
        self.children: list[list[int]] = [[] for _ in words]
        for i, word in enumerate(words):
            if word.head >= 0:
                self.children[word.head].append(i)
        self.chunk_of: list[int | None] = [None] * len(words)
        self.labels: list[str] = []

    def tags(self) -> list[str]:
        for step in (
            self._prepositions,
            self._nouns,
            self._verbs,
            self._adjectives,
            self._adverbs,
            self._conjunctions,
            self._rest,
        ):
            step()
        tags: list[str] = []
        for i, chunk in enumerate(self.chunk_of):
            if chunk is None or not self.labels[chunk]:
                tags.append("O")
            else:
                goes_on = i > 0 and self.chunk_of[i - 1] == chunk
                tags.append(f"{'I' if goes_on else 'B'}-{self.labels[chunk]}")
        return tags

    def _make(self, label: str, members: Sequence[int]) -> None:
        """Make a chunk; an empty label keeps its words outside of all others."""
        for i in members:
            self.chunk_of[i] = len(self.labels)
        self.labels.append(label)

    def _free(self, i: int) -> bool:
        return 0 <= i < len(self.words) and self.chunk_of[i] is None

    def _below(self, i: int) -> Iterator[int]:
        yield i
        for child in self.children[i]:
            yield from self._below(child)

    def _has(self, i: int, *relations: str) -> bool:
        return any(self.words[child].relation in relations for child in self.children[i])

    # Noun chunks

    def _is_noun(self, i: int) -> bool:
        word = self.words[i]
        if word.upos in NOUNS:
            return word.xpos not in ("PRP$", "WP$") or word.deprel != "nmod:poss"
        if word.upos == "DET" and word.xpos != "PDT":
            return word.relation not in ("det", "cc", "advmod", "fixed")
        return word.upos == "ADJ" and self._has(i, "det")

    def _nouns(self) -> None:
        taken: set[int] = set()
        chunks: list[tuple[int, int]] = []
        for i in sorted(range(len(self.words)), key=self._depth):
            if i in taken or not self._is_noun(i):
                continue
            first, last = self._noun_span(i)
            while first < i and first in taken:
                first += 1
            span = range(first, last + 1)
            if taken.isdisjoint(span):
                taken.update(span)
                chunks.append((first, last))
        for first, last in sorted(chunks):
            start = first
            for i in range(first, last + 1):  # a possessive mark begins the chunk of what is possessed
                if self.words[i].xpos == "POS" and start < i < last:
                    self._make("NP", range(start, i))
                    start = i
            self._make("NP", range(start, last + 1))

    def _depth(self, i: int) -> int:
        depth = 0
        while self.words[i].head >= 0:
            i = self.words[i].head
            depth += 1
        return depth

    def _noun_span(self, i: int) -> tuple[int, int]:
        inside = {i}
        for child in self.children[i]:
            word = self.words[child]
            relation = word.deprel if word.deprel in BEFORE_NOUN else word.relation
            if child < i and relation in BEFORE_NOUN and not self._stays_out(i, child):
                inside.update(self._below(child))
            elif child > i and relation in AFTER_NOUN and not self._has(child, "case"):
                # Of nouns that lean on another, only a date's year or day belongs to it: not `Portland, Oregon`.
                inside.update(self._below(child) if relation != "nmod:unmarked" or word.upos == "NUM" else ())
        marks = {c for c in self.children[i] if self.words[c].upos == "PUNCT"}
        first = i
        while first - 1 in inside or (first - 1 in marks and first - 2 in inside):
            first -= 1
        last = i
        while last + 1 in inside or (last + 2 in inside and self._in_date(last + 1)):
            last += 1
        while self.words[first].upos == "PUNCT" and first < i:
            first += 1
        return first, self._coordinated(i, last)

    def _in_date(self, mark: int) -> bool:
        """Tell whether a comma stands inside a date: ``May 5, 2017``."""
        return self.words[mark].form == "," and self.words[mark - 1].upos == self.words[mark + 1].upos == "NUM"

    def _stays_out(self, noun: int, child: int) -> bool:
        word = self.words[child]
        if word.relation != "advmod":
            return word.upos == "VERB" and self._has(child, "obj", "nsubj")
        if self.words[child + 1].upos == "NUM":
            return False
        late = any(self.words[c].relation in ("cop", "det", "case") and c > child for c in self.children[noun])
        return late or self._has(noun, "cop") or word.xpos == "WRB" or word.form.lower() in ("not", "n't")

    def _coordinated(self, noun: int, last: int) -> int:
        """Return the last word of bare nouns that are joined: ``July and August``."""
        for child in self.children[noun]:
            joins = self.words[child].relation == "conj" and child == last + 2
            bare = self.words[child].upos in ("NOUN", "PROPN", "NUM") and all(
                c < child for c in self.children[child] if self.words[c].relation not in ("conj", "punct")
            )
            between = self.words[last + 1].relation == "cc" if joins else False
            if joins and bare and between and len([c for c in self.children[child] if c < child]) == 1:
                return child
        return last

    # Verb chunks

    def _verbs(self) -> None:
        runs: dict[int, int] = {}
        heads = [i for i, w in enumerate(self.words) if self._free(i) and w.upos in ("VERB", "AUX")]
        for i in heads:
            word = self.words[i]
            if word.upos == "AUX" and word.relation == "aux" and self._verb_of(i) is not None:
                continue
            runs[i] = self._verb_start(i)
        ends = {start: i for i, start in runs.items()}
        done: set[int] = set()
        for i in sorted(runs):
            if i in done:
                continue
            last = i
            while (joined := self._joined_verb(last, ends)) is not None:
                last = joined
                done.add(last)
            inverted = self._is_inverted(i) and last == i
            self._make("" if inverted else "VP", [j for j in range(runs[i], last + 1) if self._free(j)])

    def _verb_of(self, i: int) -> int | None:
        """Return the verb or copula that an auxiliary stands before without a break."""
        head = self.words[i].head
        ends = [head] if self.words[head].upos == "VERB" else []
        ends += [c for c in self.children[head] if self.words[c].relation == "cop"]
        return next((end for end in ends if i >= self._verb_start(end) and i < end), None)

    def _verb_start(self, i: int) -> int:
        """Return where the chunk of a verb or copula begins: its first auxiliary with nothing foreign between."""
        head = self.words[i].head if self.words[i].relation == "cop" else i
        start = at = i
        while at > 0:
            at -= 1
            word = self.words[at]
            if word.head != head or self.chunk_of[at] is not None:
                break
            if word.relation == "aux" or (word.relation == "mark" and word.xpos == "TO"):
                start = at
            elif not (word.relation == "advmod" and word.upos in ("ADV", "PART") and word.xpos != "WRB"):
                break
        return start

    def _joined_verb(self, i: int, ends: dict[int, int]) -> int | None:
        """Return the verb whose chunk goes on after verb i: ``expected to take``, ``buy or sell``."""
        after = ends.get(i + 1)
        if after is not None and self.words[after].relation == "xcomp" and self._belongs(after, i):
            return after
        after = ends.get(i + 2)
        if after == i + 2 and self.words[i + 1].relation == "cc" and self.words[i + 2].relation == "conj":
            same = self.words[after].head == i and self.words[after].xpos == self.words[i].xpos
            others = [c for c in self.children[after] if self.words[c].relation not in ("cc", "punct", "conj")]
            return after if same and not others else None
        return None

    def _belongs(self, i: int, verb: int) -> bool:
        head = self.words[i].head
        return head == verb or (self.words[i].head == self.words[verb].head and self.words[verb].relation == "cop")

    def _is_inverted(self, i: int) -> bool:
        """Tell whether an auxiliary or copula stands before its subject: ``Do they believe``, ``Is it true``."""
        word = self.words[i]
        if word.relation not in ("aux", "cop"):
            return False
        subjects = [c for c in self.children[word.head] if self.words[c].relation in ("nsubj", "csubj", "expl")]
        return bool(subjects) and all(i < subject < word.head for subject in subjects)

    # Adjective and adverb chunks

    def _adjectives(self) -> None:
        for i, word in enumerate(self.words):
            if not self._free(i) or word.upos != "ADJ":
                continue
            first = i
            while self._free(first - 1) and self._is_degree(first - 1, i):
                first -= 1
            last = i
            for child in self.children[i]:
                bare = len(self.children[child]) == 1 and self.words[child].upos == "ADJ"
                if child == i + 2 and bare and self.words[child].relation == "conj" and self._free(child):
                    last = child
            while self._free(last + 1) and self.words[last + 1].head == i and self.words[last + 1].form == "enough":
                last += 1
            self._make("ADJP", range(first, last + 1))

    def _is_degree(self, i: int, adjective: int) -> bool:
        word = self.words[i]
        in_clause = word.form.lower() in OF_CLAUSES | {"not", "n't"}
        return (
            word.upos in ("ADV", "PART") and word.relation == "advmod" and i in self._below(adjective) and not in_clause
        )

    def _adverbs(self) -> None:
        for i in sorted(range(len(self.words)), key=self._depth):
            word = self.words[i]
            if not self._free(i) or word.relation in ("mark", "fixed"):
                continue
            if word.upos == "PART" or word.form.lower() in ("not", "n't"):
                continue
            if word.deprel == "compound:prt":
                self._make("PRT", [i])
            elif word.upos == "ADV" or (word.relation == "advmod" and word.upos in ("ADP", "SCONJ")):
                if word.relation in ("cc", "case") or (word.relation == "advmod" and self._opens_clause(i)):
                    continue
                members = [j for j in self._below(i) if self.words[j].relation in ("advmod", "fixed") or j == i]
                first = last = i
                while self._free(first - 1) and first - 1 in members:
                    first -= 1
                while self._free(last + 1) and last + 1 in members:
                    last += 1
                self._make("ADVP", range(first, last + 1))

    def _opens_clause(self, i: int) -> bool:
        """Tell whether an adverb belongs to the conjunction after it: ``even if``."""
        after = i + 1
        return (
            self.words[i].form.lower() in ("even", "just", "only", "so")
            and self._free(after)
            and self.words[after].relation == "mark"
            and self.words[after].head in (self.words[i].head, i)
        )

    # Prepositions, conjunctions and the rest

    def _with_fixed(self, i: int) -> list[int]:
        """Return a function word with what is fixed to it: ``because of``."""
        fixed = [c for c in self.children[i] if self.words[c].deprel == "fixed"]
        return [i, *(c for n, c in enumerate(fixed, start=1) if c == i + n and self._free(c))]

    def _prepositions(self) -> None:
        for i, word in enumerate(self.words):
            if not self._free(i) or word.xpos == "POS" or word.upos == "SYM":
                continue
            gerund = word.relation == "mark" and word.xpos == "IN" and self._is_gerund(i + 1)
            if word.relation == "case" or gerund:
                members = self._with_fixed(i)
                # CoNLL-2000 keeps `according` and `to` apart.
                for chunk in [[member] for member in members] if word.xpos == "VBG" else [members]:
                    self._make("PP", chunk)

    def _conjunctions(self) -> None:
        for i, word in enumerate(self.words):
            if not self._free(i):
                continue
            members = self._with_fixed(i)
            if word.relation == "cc" and len(members) > 1:
                self._make("CONJP", members)
            elif word.relation == "mark" and word.xpos != "TO":
                opener = i - 1
                opens = self._free(opener) and self.words[opener].upos == "ADV" and self._opens_clause(opener)
                self._make("SBAR", [opener, *members] if opens else members)

    def _is_gerund(self, i: int) -> bool:
        return i < len(self.words) and self.words[i].xpos == "VBG" and not self._has(i, "nsubj", "aux")

    def _rest(self) -> None:
        """Give words that are still free the chunk of their part of speech."""
        labels = {"DET": "NP", "ADP": "PP", "SCONJ": "SBAR", "INTJ": "INTJ", "ADV": "ADVP", "AUX": "VP", "VERB": "VP"}
        nouns = dict.fromkeys(NOUNS - {"SYM"}, "NP")
        for i, word in enumerate(self.words):
            if self._free(i) and word.relation != "cc" and (label := (labels | nouns).get(word.upos)):
                self._make(label, [i])
