// The page: what is asked, what came back, and the link to both.

import { columnsOf, drawSentence, wordsIn } from "./sentence.js";
import { count, el, visible } from "./dom.js";
import { Ladder } from "./ladder.js";

const AT_ONCE = 25;
const LONG_LINK = 8000;
const EXAMPLES = [
  "Ada Lovelace wrote the first program in 1843. Was the machine ever built?",
  "The chef who runs the little restaurant near the old harbour in Lisbon cooks fish that her brother catches.",
  "Stop! Please read the instructions on page 12 before you open the box.",
];
const PAIRS = [
  ["A man is sleeping on a bench.", "Nobody is awake in the park."],
  ["Two children are playing in the snow.", "Some kids play outside in winter."],
];

const at = (id) => document.getElementById(id);
const [text, second, status, problem, results] = ["text", "second", "status", "problem", "results"].map(at);

let model = null;
let columns = new Map();
let answer = null;
let running = null;
let drawnWidth = 0;
let shownSentences = AT_ONCE;
let soon = 0;

const ladder = new Ladder({
  list: at("ladder"),
  gauge: at("gauge"),
  changed: () => {
    update();
    // With an answer on the page, a choice is answered at once.
    clearTimeout(soon);
    if (answer && ladder.names.length) soon = setTimeout(ask, 200);
  },
});

// ---- what is asked

const pairMode = () => document.querySelector('input[name="mode"]:checked').value === "pair";

function setMode(pair, chosen) {
  document.querySelector(`input[name="mode"][value="${pair ? "pair" : "text"}"]`).checked = true;
  at("second-field").hidden = !pair;
  at("text-label").textContent = pair ? "First sentence" : "Text";
  text.rows = pair ? 2 : 6;
  const tasks = model.tasks.filter((task) => task.pairs === pair);
  ladder.show(tasks, model.layers, chosen ?? tasks.map((task) => task.name));
  update();
}

function update() {
  const used = Array.from(text.value).length + (pairMode() ? Array.from(second.value).length : 0);
  const most = model?.limits.characters ?? Infinity;
  at("count").textContent = used > most / 2 ? `${used.toLocaleString("en")} of ${most.toLocaleString("en")} characters` : "";
  at("count").classList.toggle("over", used > most);
  at("analyze").disabled = !model || !ladder.names.length;
  at("link").hidden = true;
  if (!answer && !running) showExamples();
}

async function ask() {
  clearTimeout(soon);
  if (!model || !ladder.names.length) return;
  running?.abort();
  const run = (running = new AbortController());
  const pair = pairMode();
  const body = { tasks: ladder.names, probabilities: true };
  if (pair) body.pairs = [[text.value, second.value]];
  else body.text = text.value;
  document.body.classList.add("busy");
  results.setAttribute("aria-busy", "true");
  status.textContent = "Analysing …";
  tellProblem("");
  try {
    const response = await fetch("analyze", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: run.signal,
    });
    const found = await response.json();
    if (run !== running) return;
    if (!response.ok) throw new Error(found.error ?? `the service answered ${response.status}`);
    answer = found;
    shownSentences = AT_ONCE;
    history.replaceState(null, "", link());
    show();
  } catch (error) {
    if (run !== running) return;
    status.textContent = "";
    const away = error instanceof TypeError || error instanceof SyntaxError;
    tellProblem(away ? "The service cannot be reached; is it still running?" : sentenceCase(error.message));
  } finally {
    if (run === running) {
      running = null;
      document.body.classList.remove("busy");
      results.removeAttribute("aria-busy");
    }
  }
}

// ---- what came back

function show() {
  const { sentences, depth, layers, milliseconds } = answer;
  const what = sentences.length
    ? `${count(sentences.length, sentences[0].second ? "pair" : "sentence")}, ${wordsIn(sentences)}`
    : "Nothing to analyse: the text has no words";
  const cost = sentences.length ? ` · ${depth} of ${layers} layers · ${Math.max(1, Math.round(milliseconds)).toLocaleString("en")} ms` : "";
  status.textContent = what + cost;
  draw();
}

function draw() {
  drawnWidth = results.clientWidth;
  const inner = drawnWidth - 2 * parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--card-padding"));
  const shown = answer.sentences.slice(0, shownSentences);
  const rest = answer.sentences.length - shown.length;
  const before = results.querySelectorAll("article").length;
  const articles = shown.map((sentence, i) => drawSentence(sentence, i + 1, columns, inner));
  const more = rest
    ? el("button", { type: "button", className: "more", textContent: `Show ${Math.min(rest, AT_ONCE)} more of ${count(rest, "sentence")}`, on: {
      click: () => {
        shownSentences += AT_ONCE;
        draw();
        results.querySelectorAll("article")[before]?.querySelector(".picture")?.focus();
      } } })
    : null;
  results.replaceChildren(...articles, ...(more ? [more] : []), ...(shown.length ? [legend()] : []));
}

function legend() {
  const unsure = el("span", { className: "unsure", textContent: "tag" });
  return el("p", { className: "legend muted" }, "Click a word, or go from word to word with the arrow keys, to read all about it. ",
    unsure, " below 60 % sure.");
}

function showExamples() {
  const examples = pairMode() ? PAIRS : EXAMPLES.map((example) => [example]);
  results.replaceChildren(el("div", { className: "empty" },
    el("p", { textContent: pairMode() ? "Write two sentences, or try these:" : "Write or paste a text, or try one of these:" }),
    el("ul", {}, ...examples.map((example) => el("li", {}, el("button", { type: "button", className: "example", textContent: example.join(" / "), on: {
      click: () => {
        text.value = example[0];
        second.value = example[1] ?? "";
        ask();
      } } }))))));
}

function tellProblem(message) {
  problem.textContent = message;
  problem.hidden = !message;
}

const sentenceCase = (message) => visible(message[0].toUpperCase() + message.slice(1), 400) + (message.endsWith(".") ? "" : ".");

// ---- the link

/** Return a link to this text and these tasks; what follows # is not sent to the service. */
function link() {
  const parts = new URLSearchParams({ text: text.value });
  if (pairMode()) parts.set("second", second.value);
  if (ladder.names.length < ladder.tasks.length) parts.set("tasks", ladder.names.join(","));
  const url = new URL(location.href);
  url.hash = parts.toString();
  return url.href;
}

function readLink() {
  const parts = new URLSearchParams(location.hash.slice(1));
  if (!parts.has("text")) return;
  const pair = parts.has("second") && model.tasks.some((task) => task.pairs);
  text.value = parts.get("text");
  second.value = parts.get("second") ?? "";
  setMode(pair || !model.tasks.some((task) => !task.pairs), parts.get("tasks")?.split(","));
  ask();
}

async function share() {
  const href = link();
  history.replaceState(null, "", href);
  const size = href.length > LONG_LINK ? `; it has ${href.length.toLocaleString("en")} characters, which some programs cut` : "";
  try {
    await navigator.clipboard.writeText(href);
    status.textContent = `Link copied${size}`;
  } catch {
    // Only pages that came by https, or from this machine, may write to the clipboard.
    at("link").hidden = false;
    at("link-text").value = href;
    at("link-text").select();
    status.textContent = `Copy the link below${size}`;
  }
}

// ---- light and dark

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function nameTheme() {
  at("theme").textContent = isDark() ? "Light" : "Dark";
  at("theme").setAttribute("aria-label", `Change to ${isDark() ? "light" : "dark"} colours`);
}

at("theme").addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // It holds for this visit.
  }
  nameTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);

// ---- begin

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    ask();
  }
});
text.addEventListener("input", update);
second.addEventListener("input", update);
at("share").addEventListener("click", share);
at("all").addEventListener("click", () => ladder.choose(ladder.tasks.map((task) => task.name)));
at("none").addEventListener("click", () => ladder.choose([]));
at("modes").addEventListener("change", () => {
  answer = null;
  status.textContent = "";
  setMode(pairMode());
});
window.addEventListener("hashchange", readLink);
new ResizeObserver(() => {
  if (answer && Math.abs(results.clientWidth - drawnWidth) > 4) {
    clearTimeout(soon);
    soon = setTimeout(draw, 120);
  }
}).observe(results);

async function begin() {
  nameTheme();
  status.textContent = "Loading …";
  try {
    const response = await fetch("tasks");
    if (!response.ok) throw new Error();
    model = await response.json();
  } catch {
    status.textContent = "";
    tellProblem("The service cannot be reached; reload the page when it is running.");
    return;
  }
  status.textContent = "";
  columns = columnsOf(model.tasks);
  at("model").textContent = `${visible(model.model, 60)} · ${count(model.layers, "layer")}, ${count(model.tasks.length, "task")}`;
  const pairs = model.tasks.filter((task) => task.pairs).length;
  at("modes").hidden = !pairs || pairs === model.tasks.length;
  setMode(pairs === model.tasks.length);
  readLink();
}

begin();
