"""Lists of words: a few bundled ones, and the user's own files."""

from __future__ import annotations

import codecs
from pathlib import Path

from hiernlp.errors import DataError, did_you_mean

POSITIVE = """
admirable adore amazing amused amusing appealing astonishing awesome beautiful beautifully best better brave brilliant
captivating charm charming cheerful clever comfortable compelling delight delighted delightful delicious elegant
engaging enjoy enjoyable enjoyed entertaining excellent excited exciting exquisite fantastic fascinating favorite
favourite flawless fresh friendly fun funny generous gentle glad good gorgeous graceful grateful great happily happy
heartfelt helpful hilarious honest ideal imaginative impress impressed impressive ingenious inspired inspiring
intelligent interesting joy kind likeable lively love loved lovely loving marvellous marvelous masterful memorable
moving nice outstanding passionate perfect perfectly pleasant pleased pleasing pleasure poignant powerful pretty proud
refreshing reliable remarkable rewarding rich satisfied satisfying sincere skilful skillful smart solid splendid
stunning stylish sublime success successful superb superbly surprising sweet talented tasty tender terrific thank
thanks thoughtful thrilling touching triumph true warm welcome well wise witty wonderful wonderfully worth worthwhile
worthy
"""
NEGATIVE = """
absurd afraid angry annoyed annoying appalling arrogant ashamed atrocious awful awkward bad badly bitter bland bleak
boring broken careless cheap cheesy chaotic clumsy clichéd cold complain complaint confused confusing corrupt cruel
crude damage damaged danger dangerous dead deceive depressing derivative desperate dirty disappoint disappointed
disappointing disappointment disaster disgust disgusting dishonest dismal dreadful dreary dull embarrassing empty evil
excruciating expensive fail failed fails failure fake fear feeble flat flaw flawed foolish forced forgettable
frustrating grim gross hate hated hateful hollow hopeless horrible horrid hurt idiotic inane incoherent incompetent
inept inferior insulting irritating joyless lacking laughable lazy lifeless lousy mediocre mess messy mindless
miserable missing mistake muddled nasty nonsense obnoxious offensive overlong painful pathetic pointless poor poorly
predictable pretentious problem ridiculous rude ruin ruined sad scary selfish shallow shame silly slow sloppy stale
stupid tedious terrible thin tired tiresome trite trouble ugly unbearable unfortunately unfunny unhappy uninspired
uninteresting unpleasant useless vile violent waste wasted weak weird worse worst worthless wrong
"""
QUESTION = "how what when where whether which who whom whose why"
NEGATION = """
ain't aren't barely can't cannot couldn't didn't doesn't don't hadn't hardly hasn't haven't isn't mustn't n't needn't
neither never no nobody none nor not nothing nowhere scarcely shan't shouldn't wasn't weren't without won't wouldn't
"""
BUNDLED = {"positive": POSITIVE, "negative": NEGATIVE, "question": QUESTION, "negation": NEGATION}
"""English words by the name of their list. None was taken from another collection."""


def read_words(name: str, *, base: Path) -> frozenset[str]:
    """Return a list of words in lower case: a bundled one, or a text file with a word a line.

    In a file, empty lines and lines that begin with ``;`` or ``#`` are comments.

    Args:
        name: ``positive``, ``negative``, ``question``, ``negation``, or a file.
        base: the folder that a relative path starts from.

    Raises:
        DataError: there is no such list or file, it holds nothing, is not in UTF-8, or holds a word twice.
    """
    if name in BUNDLED:
        return frozenset(BUNDLED[name].split())
    path = base / Path(name).expanduser()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"expected a file of words, or one of {', '.join(BUNDLED)}, found {name!r} ({error.strerror})"
            + did_you_mean(name, BUNDLED)
        ) from None
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{path}, line {line}: expected UTF-8, found other bytes; convert the file") from None
    first: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        word = line.strip().lower()
        if not word or word[0] in ";#":
            continue
        if word in first:
            raise DataError(f"{path}, line {number}: {word!r} stands in line {first[word]} already; leave one out")
        first[word] = number
    if not first:
        raise DataError(f"{path}: expected a word a line, found none")
    return frozenset(first)
