// The encoder as a ladder: one rung a layer, the tasks on the layers that they read. It is how tasks are chosen, and it
// shows how deep a choice goes.

import { el, visible } from "./dom.js";

export class Ladder {
  /** `changed` is called when the user chooses. */
  constructor({ list, gauge, changed }) {
    this.list = list;
    this.gauge = gauge;
    this.changed = changed;
    this.chosen = new Set();
    this.tasks = [];
  }

  /** Show these tasks of a model, of which those in `chosen` are chosen. */
  show(tasks, layers, chosen) {
    this.tasks = tasks;
    this.layers = layers;
    this.chosen = new Set(chosen.filter((name) => tasks.some((task) => task.name === name)));
    this.list.replaceChildren();
    for (let layer = layers; layer >= 0; layer--) {
      const here = tasks.filter((task) => task.layer === layer);
      if (layer === 0 && !here.length) continue;
      this.list.append(
        el("li", { className: here.length ? "rung" : "rung bare", data: { layer } },
          el("span", { className: "layer", textContent: here.length || layer === layers ? layer : "", attributes: { "aria-hidden": "true" } }),
          el("div", { className: "chips" }, ...here.map((task) => this._chip(task)))));
    }
    this._update();
  }

  choose(names) {
    this.chosen = new Set(names);
    this._update();
    this.changed();
  }

  /** The names of the chosen tasks, bottom-up. */
  get names() {
    return this.tasks.filter((task) => this.chosen.has(task.name)).map((task) => task.name);
  }

  /** How many layers the chosen tasks need. */
  get depth() {
    return Math.max(0, ...this.tasks.filter((task) => this.chosen.has(task.name)).map((task) => task.depth));
  }

  _chip(task) {
    const place = task.lowest_layer < task.layer ? `layers ${task.lowest_layer} to ${task.layer}` : `layer ${task.layer}`;
    const feeds = task.feeds.length ? `; feeds ${task.feeds.join(", ")}` : "";
    return el("button", {
      type: "button",
      className: "chip",
      title: `${task.description || task.kind} (${task.kind}, ${place}${feeds})`,
      data: { task: task.name },
      on: {
        click: () => {
          if (!this.chosen.delete(task.name)) this.chosen.add(task.name);
          this._update();
          this.changed();
        },
      },
    },
    el("span", { textContent: visible(task.name) }),
    el("span", { className: "unseen", textContent: `, ${place}` }),
    task.lowest_layer < task.layer ? el("small", { textContent: `${task.lowest_layer}–${task.layer}`, attributes: { "aria-hidden": "true" } }) : null,
    task.feeds.length ? el("small", { textContent: "↑", attributes: { "aria-hidden": "true" } }) : null);
  }

  _update() {
    for (const chip of this.list.querySelectorAll(".chip")) {
      chip.setAttribute("aria-pressed", String(this.chosen.has(chip.dataset.task)));
    }
    for (const rung of this.list.children) rung.classList.toggle("on", Number(rung.dataset.layer) <= this.depth && this.chosen.size > 0);
    this.gauge.textContent = this.chosen.size ? `${this.depth} of ${this.layers} layers` : "no task";
  }
}
