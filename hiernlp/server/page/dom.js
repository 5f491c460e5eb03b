// Elements from data. All text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Return an element; `properties` are its own (`className`, `textContent`, ...), `aria`, `data` and `attributes` its attributes. */
export function el(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same for SVG. */
export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, { attributes = {}, data = {}, on = {}, ...properties }, children) {
  Object.assign(element, properties);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  Object.assign(element.dataset, data);
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const LONGEST = 32;
// Control characters and marks that turn the direction of writing could hide or reorder what stands beside them.
const HARMFUL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;
const SEEN = /[^\p{Cf}\p{Mn}\p{Me}\p{Z}\u115f\u1160\u3164\uffa0]/u;

/** Return any string as something that can be seen, with an ellipsis where it is long. */
export function visible(value, longest = LONGEST) {
  const text = String(value).replace(HARMFUL, "\ufffd");
  if (!SEEN.test(text) && text) {
    const codes = Array.from(text, (c) => "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0"));
    return codes.length > 2 ? `${codes[0]}…` : codes.join(" ");
  }
  const characters = Array.from(text.slice(0, 2 * longest + 2));
  return characters.length > longest ? characters.slice(0, longest - 1).join("") + "…" : text;
}

const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

/** Return the direction of writing of words: that of their first letter. */
export function direction(words) {
  for (const word of words) {
    const letter = word.match(/\p{L}/u);
    if (letter) return RIGHT_TO_LEFT.test(letter[0]) ? "rtl" : "ltr";
  }
  return "ltr";
}

export function percent(share) {
  return `${Math.round(100 * share)} %`;
}

export function count(number, what) {
  return `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
}
