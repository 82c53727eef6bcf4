// Window and level in numbers, presets, and what is under the pointer.

import { el, fill } from '../dom.js';
import { AIR, PRESETS, WIDTH_MIN } from '../image/window.js';
import { shades } from '../image/colours.js';
import { classOf } from '../image/material.js';
import { language, t, word } from '../words.js';

/** @typedef {import('../desk.js').Desk} Desk */

/** Sliders go in steps of the logarithm for the width: a narrow window is as easy to set as a wide one. */
const STEPS = 200;
const toWidth = (/** @type {number} */ step) => WIDTH_MIN * (2 / WIDTH_MIN) ** (step / STEPS);
const toStep = (/** @type {number} */ width) => Math.round((STEPS * Math.log(width / WIDTH_MIN)) / Math.log(2 / WIDTH_MIN));
const percent = (/** @type {number} */ part) => `${Math.round(part * 100)} %`;

export class WindowBar {
  /** @param {HTMLElement} place @param {Desk} desk */
  constructor(place, desk) {
    this.desk = desk;
    const { stage } = desk;
    const slide = (/** @type {string} */ id, /** @type {number} */ max, /** @type {(value: number) => import('../image/window.js').Window} */ change) => {
      const slider = /** @type {HTMLInputElement} */ (el('input', { id, type: 'range', min: 0, max }));
      slider.addEventListener('input', () => stage.use('window', change(Number(slider.value))));
      return slider;
    };
    this.level = slide('level', 100, (value) => ({ ...stage.tools.window, centre: value / 100 }));
    this.width = slide('width', STEPS, (value) => ({ ...stage.tools.window, width: toWidth(value) }));
    this.presets = el('div', { class: 'presets' });
    this.labels = [el('span'), el('span')];
    this.zoom = el('span', { class: 'zoom' });
    this.readout = el('div', { class: 'readout', id: 'readout' });
    fill(place, this.presets, el('label', {}, this.labels[0], this.level), el('label', {}, this.labels[1], this.width), this.zoom, this.readout);
    this.shown = '';
    this.drawn = '';
  }

  draw() {
    const { stage } = this.desk;
    const { window } = stage.tools;
    const presets = [...Object.keys(PRESETS).map((name) => `preset_${name}`), 'automatic'];
    const key = JSON.stringify([window, language()]);
    if (key !== this.drawn) fill(this.presets, presets.map((id) => {
      const preset = PRESETS[id.slice(7)];
      const on = preset && preset.centre === window.centre && preset.width === window.width;
      return el('button', { id: `tool-${id}`, 'aria-pressed': preset ? String(on) : false, title: t(`about.${id}`), onclick: () => this.desk.run(id) }, t(`tool.${id}`));
    }));
    this.drawn = key;
    this.labels[0].textContent = t('window.level');
    this.labels[1].textContent = t('window.width');
    this.level.value = String(Math.round(window.centre * 100));
    this.level.setAttribute('aria-valuetext', percent(window.centre));
    this.width.value = String(toStep(window.width));
    this.width.setAttribute('aria-valuetext', percent(window.width));
    this.frame();
  }

  /** After each frame: how large the picture stands. */
  frame() {
    const { pane } = this.desk.stage;
    const shown = pane ? `${(pane.place.zoom * (devicePixelRatio || 1)).toFixed(pane.place.zoom < 1 ? 2 : 1)}×` : '';
    if (shown !== this.shown) this.zoom.textContent = shown;
    this.shown = shown;
  }

  /** @param {import('../image/stage.js').StagePane | null} pane @param {number[] | null} point on the stage */
  point(pane, point) {
    if (!pane || !point) return fill(this.readout);
    const [line, element] = this.desk.stage.imagePoint(pane, point).map(Math.floor);
    const pair = pane.picture.sample(pane.view, line, element);
    if (!pair) return fill(this.readout);
    const { format } = pane.picture;
    const value = (/** @type {number} */ sample) => (format.raw ? `${((100 * sample) / AIR).toFixed(1)}%` : String(sample));
    const found = classOf(this.desk.store.materials, pane.picture, pane.view, line, element);
    const said = (/** @type {string} */ name, /** @type {string} */ text) => el('span', {}, name, ' ', el('b', {}, text));
    return fill(this.readout,
      el('span', { title: t('readout.place') }, el('b', {}, `${line}, ${element}`)),
      pair.rgb ? said(t('readout.rgb'), shades(pair.rgb).join(' ')) : pair.high === null ? said(t('readout.value'), value(pair.low)) : [said(t('readout.low'), value(pair.low)), said(t('readout.high'), value(pair.high))],
      found && said('', word('class', found)),
    );
  }
}
