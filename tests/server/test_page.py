"""The page in a real browser: what it shows, how it is used by keyboard and on a phone, and that text stays text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hiernlp.inference.analyzer import Analyzer
from tests.server.test_process import listening

CHROMIUM = Path("/usr/bin/chromium")
TEXT = "the big cat sees mary. does john meet a dog?"
PHONE = {"width": 360, "height": 740}

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(analyzer: Analyzer) -> Iterator[str]:
    with listening(analyzer) as (url, _):
        yield url


@pytest.fixture
def open_page(browser: Any, url: str) -> Iterator[Callable[..., Any]]:
    """Return a function that opens the page; nothing may go wrong on it, and nothing be asked of another server."""
    wrong: list[str] = []
    contexts = []

    def ask(request: Any) -> None:
        if not request.url.startswith(url):
            wrong.append(f"asked elsewhere: {request.url}")

    def make(path: str = "/", **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        page.on("request", ask)
        page.goto(url + path)
        page.wait_for_selector(".chip")
        return page

    yield make
    for context in contexts:
        context.close()
    assert not wrong


def analyze(page: Any, text: str) -> None:
    page.fill("#text", text)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#results:not([aria-busy]) > :is(article, .legend), #status:has-text('Nothing')")


def only(page: Any, *tasks: str) -> None:
    page.click("#none")
    for task in tasks:
        page.click(f'.chip[data-task="{task}"]')


def test_an_analysis_as_the_library_gives_it(open_page: Callable[..., Any], analyzer: Analyzer) -> None:
    page = open_page()
    analyze(page, TEXT)
    document = analyzer(TEXT, probabilities=True)
    assert page.locator("article").count() == len(document)
    assert re.fullmatch(r"2 sentences, 12 words · 4 of 4 layers · [\d,]+ ms", page.inner_text("#status"))
    for i, sentence in enumerate(document):
        article = page.locator("article").nth(i)
        assert article.locator(".words td").all_text_contents() == list(sentence.words)
        tags = article.locator("tr.tags", has=page.locator("th", has_text=re.compile("^upos$"))).locator("td")
        assert tags.all_text_contents() == sentence["upos"]
        arcs = article.locator("g.arc:not(.root) text").all_text_contents()
        assert sorted(arcs) == sorted(r for r, h in zip(sentence["deprel"], sentence["head"], strict=True) if h)
        spans = article.locator(".span").all_text_contents()
        assert sorted(spans) == sorted(s.label for c in ("chunks", "entities") for s in sentence.spans(c))
        label = article.locator(".label", has=page.locator("h3", has_text="sentence_type")).locator(".chosen .name")
        assert label.text_content() == sentence["sentence_type"]
        article.locator(".rows summary").click()
        article.locator(".rows tbody tr").first.wait_for()  # the table is made when the browser tells of the opening
        assert article.locator(".rows tbody tr").count() == len(sentence)


def test_choosing_tasks_shows_and_saves_depth(open_page: Callable[..., Any]) -> None:
    page = open_page()
    assert page.inner_text("#gauge") == "4 of 4 layers"
    analyze(page, TEXT)
    only(page, "upos")
    assert page.inner_text("#gauge") == "1 of 4 layers"
    assert page.locator(".rung.on").count() == 1
    page.wait_for_selector("#status:has-text('1 of 4 layers')")  # what is chosen is answered at once
    assert page.locator("svg.arcs").count() == 0
    page.click("#none")
    assert page.locator("#analyze").is_disabled()


def test_by_keyboard_alone(open_page: Callable[..., Any]) -> None:
    page = open_page()
    focused = (
        "() => document.activeElement.id || document.activeElement.dataset.task || document.activeElement.className"
    )
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(focused))
    for name in ("theme", "text", "analyze", "share", "all", "none", "upos", "dependencies", "example"):
        assert name in reached
    page.focus('.chip[data-task="topics"]')
    page.keyboard.press("Space")
    assert page.get_attribute('.chip[data-task="topics"]', "aria-pressed") == "false"
    width = "() => getComputedStyle(document.activeElement).outlineWidth"
    assert page.evaluate(width) == "3px"
    page.focus("#text")
    page.keyboard.type("mary sees the cat")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("article")
    page.focus(".picture")
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".told").startswith("“mary”: upos ")
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".told").startswith("“sees”: upos ")
    assert page.locator(".words .current").inner_text() == "sees"
    page.keyboard.press("Escape")
    assert page.inner_text(".told") == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_page(open_page: Callable[..., Any], scheme: str) -> None:
    page = open_page(viewport=PHONE, color_scheme=scheme, has_touch=True, is_mobile=True)
    for tasks in (None, ["upos", "chunks", "type"]):
        if tasks:
            only(page, *tasks)
        analyze(page, " ".join(["the old nurse liked the kind bird"] * 6) + ". " + "x" * 10_000)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    small = page.eval_on_selector_all(
        "button:visible",
        "found => found.filter((b) => b.getBoundingClientRect().height < 24).map((b) => b.textContent)",
    )
    assert not small


def test_light_and_dark(open_page: Callable[..., Any]) -> None:
    ground = "() => getComputedStyle(document.body).backgroundColor"
    page = open_page(color_scheme="dark")
    dark = page.evaluate(ground)
    page.click("#theme")
    light = page.evaluate(ground)
    assert dark != light
    page.reload()
    page.wait_for_selector(".chip")
    assert page.evaluate(ground) == light
    assert open_page(color_scheme="light").evaluate(ground) == light


def test_a_link_repeats_text_and_tasks(open_page: Callable[..., Any], url: str) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    only(page, "upos", "chunks")
    analyze(page, "the cat & mary = 100 % #1 + “ünï”?")
    page.click("#share")
    page.wait_for_selector("#status:has-text('Link copied')")
    link = page.evaluate("() => navigator.clipboard.readText()")
    assert link.startswith(f"{url}/#text=")
    other = open_page(link.removeprefix(url))
    other.wait_for_selector("article")
    assert other.input_value("#text") == "the cat & mary = 100 % #1 + “ünï”?"
    assert other.inner_text("#gauge") == "2 of 4 layers"
    pressed = other.locator('.chip[aria-pressed="true"]')
    assert sorted(pressed.evaluate_all("found => found.map((c) => c.dataset.task)")) == ["chunks", "upos"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script> <img src=x onerror=alert(1)> <b>bold</b>",
        "\u200b \u200d\u2060 \u202eabc\u202c \u0007 \ufeff",
        "🙂",
        "👩‍👩‍👧 مرحبا بالعالم ! 你好",
        "lone \ud800 surrogate",
        "x" * 10_000,
    ],
    ids=["html", "invisible", "emoji", "scripts", "surrogate", "long word"],
)
def test_hostile_text_is_shown_as_text(open_page: Callable[..., Any], text: str) -> None:
    page = open_page()
    # Not by `fill`: what playwright sends must be characters.
    fill = "text => { document.getElementById('text').value = JSON.parse(text); }"
    page.evaluate(fill, json.dumps(text))
    page.click("#analyze")
    page.wait_for_selector("article")
    assert page.locator("#results :is(script, img, b:not(.span b))").count() == 0
    assert all(shown.strip() for shown in page.locator(".words td").all_text_contents())
    page.reload()  # the link has it all
    page.wait_for_selector("article")


def test_direction_of_writing(open_page: Callable[..., Any]) -> None:
    page = open_page()
    analyze(page, "كتب كتاب القانون")
    assert page.get_attribute(".picture", "dir") == "rtl"
    places = page.locator(".words td").evaluate_all("found => found.map((t) => t.getBoundingClientRect().left)")
    assert places == sorted(places, reverse=True)


def test_long_text_stays_usable(open_page: Callable[..., Any]) -> None:
    page = open_page()
    only(page, "upos", "dependencies")
    analyze(page, "the big cat sees the dog. " * 60)
    assert page.locator("article").count() == 25
    page.click(".more")
    assert page.locator("article").count() == 50
    analyze(page, " ".join(["the cat sees"] * 1000))
    assert page.locator(".words td").count() == 3000
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_two_sentences(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.click("#modes label:has-text('Two sentences')")
    assert page.locator(".chip").evaluate_all("found => found.map((c) => c.dataset.task).sort()") == ["holds", "shared"]
    page.fill("#text", "the cat")
    page.fill("#second", "a cat")
    page.click("#analyze")
    page.wait_for_selector("article")
    assert page.locator(".one-of-two").all_text_contents() == ["the cat", "a cat"]
    assert page.locator(".label").count() == 2
    assert "second=" in page.url


def test_empty_and_mistaken(open_page: Callable[..., Any], analyzer: Analyzer) -> None:
    page = open_page()
    assert page.locator(".example").count() == 3
    analyze(page, " ")
    assert "Nothing to analyse" in page.inner_text("#status")
    page.click("#modes label:has-text('Two sentences')")
    page.click("#analyze")
    page.wait_for_selector("#problem:visible")
    assert "expected words in both sentences" in page.inner_text("#problem")


def test_a_service_that_is_gone(browser: Any, analyzer: Analyzer) -> None:
    with listening(analyzer) as (url, _):
        page = browser.new_context().new_page()
        page.goto(url)
        page.wait_for_selector(".chip")
        page.route("**/analyze", lambda route: route.abort())
        page.fill("#text", "the cat")
        page.click("#analyze")
        page.wait_for_selector("#problem:visible")
        assert "cannot be reached" in page.inner_text("#problem")
        page.unroute("**/analyze")
        page.click("#analyze")
        page.wait_for_selector("article")
        assert page.locator("#problem").is_hidden()
        page.context.close()
