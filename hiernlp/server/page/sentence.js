// One analysed sentence: a table of its words with their tags, arcs above, spans below, its labels with bars.

import { count, direction, el, percent, svg, visible } from "./dom.js";
import { arcLevels, lanes, lines, measure, ports, stretch } from "./layout.js";

const P = "_probability";
const UNSURE = 0.6;
const COLOURS = 8;
const WORD = 17, TAG = 12, LABEL = 11.5, PAD = 12;
const LEVEL = 19, HIGHEST = 16;
const SHOWN = 3;

/** Return what the model's tasks say of the columns: which are tags, spans, labels, and which two are a tree. */
export function columnsOf(tasks) {
  const columns = new Map();
  for (const task of tasks) {
    const tree = task.kind === "dependencies" ? { head: task.columns[0], relation: task.columns[1] } : null;
    const labels = Object.values(task.labels).flat();
    for (const column of task.columns) columns.set(column, { task: task.name, level: task.level, tree, labels });
  }
  return columns;
}

/** Return an article that shows a sentence, given what is known of its columns. */
export function drawSentence(sentence, number, columns, width) {
  const view = new View(sentence, columns);
  const article = el("article", { className: "sentence", attributes: { "aria-label": `Sentence ${number}` } });
  if (sentence.second) article.append(el("span", { className: "number", textContent: number, attributes: { "aria-hidden": "true" } }), ...view.pair());
  else article.append(...view.picture(width, number));
  const labels = view.labels();
  if (labels.length) article.append(el("div", { className: "labels" }, ...labels));
  if (!sentence.second) article.append(view.table());
  return article;
}

class View {
  constructor(sentence, columns) {
    this.sentence = sentence;
    this.words = sentence.words;
    const found = sentence.annotations;
    this.found = found;
    const names = Object.keys(found).filter((name) => columns.has(name) && found[name] !== null);
    const of = (level) => names.filter((name) => columns.get(name).level === level);
    const tree = names.map((name) => columns.get(name).tree).find((t) => t && found[t.head] && found[t.relation]);
    this.tree = tree ?? null;
    this.tags = of("token").filter((name) => !columns.get(name).tree);
    this.spans = of("spans");
    this.values = of("sentence");
    this.columns = columns;
    this.current = null;
    const style = getComputedStyle(document.body);
    this.font = (size, weight = 400) => `${weight} ${size}px ${style.fontFamily}`;
  }

  // ---- words, tags, arcs and spans

  picture(width, number) {
    const shown = this.words.map((word) => visible(word));
    this.gutter = Math.ceil(Math.max(...[...this.tags, ...this.spans, ""].map((n) => measure(visible(n, 16), this.font(LABEL))))) + 16;
    const wide = this.words.map((_, i) => PAD + Math.max(12, measure(shown[i], this.font(WORD)),
      ...this.tags.map((name) => measure(visible(this.found[name][i], 18), this.font(TAG)))));
    const heads = this.tree ? this.found[this.tree.head] : [];
    const relations = this.tree ? this.found[this.tree.relation] : [];
    this.arcs = heads.flatMap((head, i) => head > 0
      ? [{ left: Math.min(head - 1, i), right: Math.max(head - 1, i), head: head - 1, word: i, label: visible(relations[i], 20) }] : []);
    const root = heads.indexOf(0);
    this.root = root < 0 ? null : root;
    this.widths = stretch(wide, {
      arcs: this.arcs.map((arc) => [arc.left, arc.right, measure(arc.label, this.font(LABEL)) + 26]),
      spans: this.spans.flatMap((name) => this.found[name].map((s) => [s.start, s.end, measure(visible(s.label, 24), this.font(LABEL, 600)) + 18])),
    }).map(Math.ceil);
    this.direction = direction(this.words);
    // A tree is one line that scrolls; without one, words are broken into lines.
    const parts = this.tree ? [[0, this.words.length]] : lines(this.widths, width - this.gutter);
    const box = el("div", {
      className: "picture",
      dir: this.direction,
      tabIndex: 0,
      attributes: { role: "group", "aria-label": `Words of sentence ${number}; the arrow keys go from word to word` },
    }, ...parts.map(([start, end]) => this.line(start, end, number)));
    const told = el("p", { className: "told", attributes: { "aria-live": "polite" } });
    this.box = box;
    this.told = told;
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("click", (event) => this.pick(event.target));
    return [box, told];
  }

  line(start, end, number) {
    const widths = this.widths.slice(start, end);
    const total = widths.reduce((a, b) => a + b, 0);
    const head = (text, name = "") => el("th", { scope: "row", className: name, textContent: visible(text, 16), dir: "ltr" });
    const rows = [el("tr", { className: "words" }, head(start ? "" : number, "number"), ...this.words.slice(start, end).map((word, i) =>
      el("td", { textContent: visible(word), dir: "auto", data: { word: start + i }, title: word.length > 32 ? visible(word, 300) : "" })))];
    for (const name of this.tags) {
      const sure = this.found[name + P] ?? [];
      rows.push(el("tr", { className: "tags" }, head(name), ...this.found[name].slice(start, end).map((value, i) => {
        const share = sure[start + i];
        return el("td", {
          textContent: visible(value, 18), dir: "ltr", data: { word: start + i },
          className: share < UNSURE ? "unsure" : "", title: share === undefined ? visible(value, 300) : `${visible(value, 300)}, ${percent(share)}`,
        });
      })));
    }
    for (const name of this.spans) rows.push(...this.spanRows(name, start, end, head));
    const columns = el("colgroup", {}, ...[this.gutter, ...widths].map((w) => {
      const column = el("col");
      column.style.width = `${w}px`;
      return column;
    }));
    const table = el("table", {}, columns, el("tbody", {}, ...rows));
    table.style.width = `${this.gutter + total}px`;
    const line = el("div", { className: "line" }, table);
    if (this.tree) line.prepend(this.drawArcs(total));
    return line;
  }

  spanRows(name, start, end, head) {
    const labels = this.columns.get(name).labels;
    const spans = this.found[name]
      .map((span, i) => ({ ...span, share: this.found[name + P]?.[i], before: span.start < start, after: span.end > end }))
      .filter((span) => span.start < end && span.end > start)
      .map((span) => ({ ...span, start: Math.max(span.start, start), end: Math.min(span.end, end) }));
    const places = lanes(spans);
    const rows = [];
    for (let lane = 0; lane <= Math.max(-1, ...places); lane++) {
      const here = spans.filter((_, i) => places[i] === lane).sort((a, b) => a.start - b.start);
      const cells = [];
      let at = start;
      for (const span of here) {
        for (; at < span.start; at++) cells.push(el("td"));
        const colour = labels.indexOf(span.label);
        const room = this.widths.slice(span.start, span.end).reduce((a, b) => a + b, 0) - 18;
        const fits = !span.before || measure(`…${visible(span.label, 24)}`, this.font(LABEL, 600)) <= room;
        cells.push(el("td", { colSpan: Math.min(1000, span.end - span.start), className: "span", data: { start: span.start, end: span.end } },
          el("span", {
            className: [`c${Math.max(0, colour) % COLOURS}`, span.before ? "before" : "", span.after ? "after" : "",
              colour >= COLOURS ? "later" : ""].join(" "),
            title: `${visible(span.label, 300)}: ${visible(span.text, 300)}${span.share === undefined ? "" : `, ${percent(span.share)}`}`,
          }, el("b", { textContent: fits ? visible(span.label, 24) : "", dir: "auto" }))));
        at = span.end;
      }
      for (; at < end; at++) cells.push(el("td"));
      rows.push(el("tr", { className: "spans" }, head(lane ? "" : name), ...cells));
    }
    return rows;
  }

  drawArcs(total) {
    const levels = arcLevels(this.arcs);
    // Higher arcs, of which only very long sentences have any, are all drawn on top, each while its word is chosen.
    const most = Math.min(HIGHEST + 1, Math.max(1, ...levels));
    const step = LEVEL;
    const height = most * step + 26;
    const ends = ports(this.arcs, this.root, 5);
    const centre = [];
    this.widths.reduce((x, w, i) => ((centre[i] = x + w / 2), x + w), 0);
    const place = (x) => Math.round(10 * (this.direction === "rtl" ? total - x : x)) / 10;
    const side = this.direction === "rtl" ? -1 : 1;
    const picture = svg("svg", { attributes: { width: total, height, viewBox: `0 0 ${total} ${height}`, "aria-hidden": "true" } });
    picture.classList.add("arcs");
    picture.style.marginInlineStart = `${this.gutter}px`;
    const tip = (x) => `M${x - 3.2} ${height - 7} L${x} ${height - 1} L${x + 3.2} ${height - 7} Z`;
    this.arcs.forEach((arc, i) => {
      const left = place(centre[arc.left] + ends.left[i]), right = place(centre[arc.right] + ends.right[i]);
      const y = height - 8 - Math.min(levels[i], HIGHEST + 1) * step;
      const r = Math.min(7, Math.abs(right - left) / 2, step) * side;
      const line = `M${left} ${height - 2} V${y + Math.abs(r)} Q${left} ${y} ${left + r} ${y} H${right - r} Q${right} ${y} ${right} ${y + Math.abs(r)} V${height - 2}`;
      picture.append(svg("g", { attributes: { class: levels[i] > HIGHEST ? "arc far" : "arc" }, data: { head: arc.head, word: arc.word } },
        svg("path", { attributes: { d: line } }),
        svg("path", { attributes: { d: tip(arc.word === arc.left ? left : right), class: "tip" } }),
        svg("text", { textContent: arc.label, attributes: { x: (left + right) / 2, y: y + 3.6 } })));
    });
    if (this.root !== null) {
      const x = place(centre[this.root] + ends.stub);
      picture.append(svg("g", { attributes: { class: "arc root" }, data: { head: -1, word: this.root } },
        svg("path", { attributes: { d: `M${x} 12 V${height - 2}` } }),
        svg("path", { attributes: { d: tip(x), class: "tip" } }),
        svg("text", { textContent: "root", attributes: { x, y: 9 } })));
    }
    return picture;
  }

  // ---- one word at a time

  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") return this.show(null);
    if (!step || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const forward = this.direction === "rtl" ? -step : step;
    const last = this.words.length - 1;
    this.show(this.current === null ? (forward > 0 ? 0 : last) : Math.min(last, Math.max(0, this.current + forward)));
  }

  pick(target) {
    const cell = target.closest?.("[data-word]");
    const word = cell ? Number(cell.dataset.word) : null;
    this.show(word === this.current ? null : word);
  }

  show(word) {
    this.current = word;
    for (const marked of this.box.querySelectorAll(".current")) marked.classList.remove("current");
    this.told.replaceChildren(...(word === null ? [] : this.tell(word)));
    if (word === null) return;
    for (const cell of this.box.querySelectorAll(`td[data-word="${word}"], .arc[data-word="${word}"], .arc[data-head="${word}"]`)) {
      cell.classList.add("current");
    }
    for (const cell of this.box.querySelectorAll("td.span")) {
      if (cell.dataset.start <= word && word < cell.dataset.end) cell.classList.add("current");
    }
    this.box.querySelector(`tr.words td[data-word="${word}"]`).scrollIntoView({ block: "nearest", inline: "center", behavior: "instant" });
  }

  /** Return in words what was found out about a word; what is quoted has a direction of its own. */
  tell(i) {
    const quoted = (text) => el("bdi", { textContent: `“${text}”` });
    const sure = (share) => (share === undefined ? "" : ` (${percent(share)})`);
    const parts = this.tags.map((name) => [`${name} ${visible(this.found[name][i], 100)}${sure(this.found[name + P]?.[i])}`]);
    if (this.tree) {
      const { head, relation } = this.tree;
      const at = this.found[head][i];
      const what = visible(this.found[relation][i], 40);
      parts.push([...(at > 0 ? [`${what} of `, quoted(visible(this.words[at - 1]))] : [what]), sure(this.found[head + P]?.[i])]);
    }
    for (const name of this.spans) {
      this.found[name].forEach((span, k) => {
        if (span.start > i || span.end <= i) return;
        parts.push([`in ${name} ${visible(span.label, 40)} `, quoted(visible(span.text, 60)), sure(this.found[name + P]?.[k])]);
      });
    }
    return [quoted(visible(this.words[i], 200)), ": ", ...(parts.length ? parts.flatMap((part, k) => (k ? ["; ", ...part] : part)) : ["no tags"])];
  }

  // ---- the sentence as a whole

  pair() {
    const line = (words, name) => el("p", { className: "one-of-two", dir: "auto", attributes: { "aria-label": name } },
      el("span", { textContent: words.map((word) => visible(word)).join(" ") }));
    return [line(this.words, "First sentence"), line(this.sentence.second, "Second sentence")];
  }

  labels() {
    return this.values.map((name) => {
      const value = this.found[name], shares = this.found[name + P];
      const chosen = Array.isArray(value) ? value : [value];
      const block = el("section", { className: "label" }, el("h3", { textContent: visible(name) }));
      if (!shares || typeof shares !== "object") {
        const text = typeof value === "number" ? value.toFixed(2) : chosen.map((v) => visible(v)).join(", ") || "none";
        block.append(el("p", { className: "value", textContent: text, dir: "auto" }));
        return block;
      }
      const order = Object.entries(shares).sort((a, b) => b[1] - a[1]);
      const most = Math.max(SHOWN, chosen.length);
      const bars = (entries) => el("ul", {}, ...entries.map(([label, share]) => bar(label, share, chosen.includes(label))));
      block.append(bars(order.slice(0, most)));
      if (order.length > most) {
        block.append(el("details", {}, el("summary", { textContent: `${order.length - most} more` }), bars(order.slice(most))));
      }
      return block;
    });
  }

  table() {
    const box = el("details", { className: "rows" }, el("summary", { textContent: "As a table" }));
    // Long sentences have long tables: made when asked for.
    box.addEventListener("toggle", () => {
      if (box.open && box.children.length === 1) box.append(el("div", { className: "scroll", tabIndex: 0 }, this.rows()));
    });
    return box;
  }

  rows() {
    const names = [...this.tags, ...(this.tree ? ["head", "relation"] : []), ...this.spans];
    const spansAt = (name, i) => this.found[name].filter((s) => s.start <= i && i < s.end).map((s) => visible(s.label)).join(", ");
    return el("table", {},
      el("thead", {}, el("tr", {}, ...["#", "word", ...names].map((n) => el("th", { scope: "col", textContent: visible(n) })))),
      el("tbody", {}, ...this.words.map((word, i) => el("tr", {},
        el("td", { textContent: i + 1 }),
        el("th", { scope: "row", textContent: visible(word, 60), dir: "auto" }),
        ...this.tags.map((n) => el("td", { textContent: visible(this.found[n][i], 60) })),
        ...(this.tree ? [
          el("td", { textContent: this.found[this.tree.head][i] ? `${this.found[this.tree.head][i]} ${visible(this.words[this.found[this.tree.head][i] - 1])}` : "–", dir: "auto" }),
          el("td", { textContent: visible(this.found[this.tree.relation][i]) })] : []),
        ...this.spans.map((n) => el("td", { textContent: spansAt(n, i) }))))));
  }
}

function bar(label, share, chosen) {
  const fill = el("span", { className: "fill" });
  fill.style.width = `${Math.max(0.5, 100 * share)}%`;
  return el("li", { className: chosen ? "bar chosen" : "bar" },
    el("span", { className: "name", textContent: visible(label), dir: "auto" }),
    el("span", { className: "track", attributes: { "aria-hidden": "true" } }, fill),
    el("span", { className: "share", textContent: percent(share) }));
}

export function wordsIn(sentences) {
  return count(sentences.reduce((n, s) => n + s.words.length, 0), "word");
}
