// Where things stand in the picture of a sentence, in pixels from its beginning. Nothing here draws. The same rules as
// in the library's pictures: a shorter arc lies under a longer one, an inner span nearer to the words.

const canvas = document.createElement("canvas").getContext("2d");
const known = new Map();

/** Return the width of a text in a font (`"600 16px Family"`). */
export function measure(text, font) {
  const key = `${font}\n${text}`;
  let width = known.get(key);
  if (width === undefined) {
    canvas.font = font;
    width = canvas.measureText(text).width;
    if (known.size > 50000) known.clear();
    known.set(key, width);
  }
  return width;
}

/** Return words' widths, enlarged where the label of an arc or a span (`[start, end, needed]`) would not fit. */
export function stretch(widths, { arcs = [], spans = [] }) {
  const wide = [...widths];
  const sum = (from, to) => wide.slice(from, to).reduce((a, b) => a + b, 0);
  const short = (a, b) => a[1] - a[0] - (b[1] - b[0]);
  for (const [left, right, needed] of arcs.toSorted(short)) {
    const have = sum(left + 1, right) + (wide[left] + wide[right]) / 2;
    if (have < needed) for (let i = left; i <= right; i++) wide[i] += (needed - have) / (right - left);
  }
  for (const [start, end, needed] of spans.toSorted(short)) {
    const have = sum(start, end);
    if (have < needed) for (let i = start; i < end; i++) wide[i] += (needed - have) / (end - start);
  }
  return wide;
}

/** Return lines of words as `[start, end]`, each no wider than `most` if it has more than one word. */
export function lines(widths, most) {
  const found = [];
  let start = 0, used = 0;
  widths.forEach((width, i) => {
    if (i > start && used + width > most) {
      found.push([start, i]);
      start = i;
      used = 0;
    }
    used += width;
  });
  if (widths.length) found.push([start, widths.length]);
  return found;
}

/** Return the level of each arc `{left, right}`, from 1: above all arcs that lie under it or that it crosses. */
export function arcLevels(arcs) {
  const levels = new Array(arcs.length).fill(0);
  const order = arcs.map((_, i) => i).sort((a, b) => arcs[a].right - arcs[a].left - (arcs[b].right - arcs[b].left));
  // The highest level so far over each gap between two words.
  const over = [];
  for (const i of order) {
    const { left, right } = arcs[i];
    let level = 0;
    for (let gap = left; gap < right; gap++) level = Math.max(level, over[gap] ?? 0);
    levels[i] = ++level;
    for (let gap = left; gap < right; gap++) over[gap] = level;
  }
  return levels;
}

/** Return how far from its word's centre each arc's left and right end stands, so that ends lie side by side. */
export function ports(arcs, root, step) {
  const ends = new Map();
  const add = (word, end) => (ends.has(word) ? ends.get(word).push(end) : ends.set(word, [end]));
  if (root !== null) add(root, [1, 0, -1]);
  arcs.forEach(({ left, right }, i) => {
    add(left, [2, left - right, i]);
    add(right, [0, right - left, i]);
  });
  const left = [], right = [];
  let stub = 0;
  for (const group of ends.values()) {
    group.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    group.forEach(([side, , i], place) => {
      const shift = (place - (group.length - 1) / 2) * step;
      if (side === 1) stub = shift;
      else (side === 2 ? left : right)[i] = shift;
    });
  }
  return { left, right, stub };
}

/** Return the lane of each span `{start, end}`, from 0: below all shorter ones that it shares a word with. */
export function lanes(spans) {
  const found = new Array(spans.length).fill(0);
  const size = (i) => spans[i].end - spans[i].start;
  const order = spans.map((_, i) => i).sort((a, b) => size(a) - size(b) || b - a);
  order.forEach((i, place) => {
    for (const j of order.slice(0, place)) {
      if (spans[j].start < spans[i].end && spans[i].start < spans[j].end) found[i] = Math.max(found[i], found[j] + 1);
    }
  });
  return found;
}
