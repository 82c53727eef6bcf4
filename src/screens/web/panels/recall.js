// The last images, to look at again or beside the one on the screen; and, to compare with, typical ones before them.

import { el, fill } from '../dom.js';
import { coloured, shades } from '../image/colours.js';
import { grey } from '../image/window.js';
import { t, timeOfDay } from '../words.js';

/** @typedef {import('../desk.js').Desk} Desk */
/** @typedef {import('../image/picture.js').Picture} Picture */

const WIDE = 168;
const HIGH = 104;
const SHOWN = 16;

/** @type {WeakMap<Picture, {canvas: HTMLCanvasElement, version: string}>} */
const known = new WeakMap();

/** @param {HTMLElement} place @param {Desk} desk */
export function drawRecall(place, desk) {
  const { store, stage } = desk;
  const here = store.scanned;
  const elsewhere = desk.recallable().filter((/** @type {any} */ image) => !store.pictures.has(image.image));
  const all = [
    ...here.map((picture) => ({ id: picture.id, picture, made: picture.made, number: picture.number })),
    ...elsewhere.map((/** @type {any} */ image) => ({ id: image.image, picture: null, made: image.made, number: image.number })),
  ].sort((one, other) => String(other.made ?? '').localeCompare(String(one.made ?? ''))).slice(0, SHOWN);
  const typical = desk.comparison.on ? store.typical.map(({ id, name }) => typicalButton(desk, id, name)) : [];
  fill(place,
    el('h2', {}, t('recall.title'), el('span', {}, desk.comparison.on ? t('recall.comparing') : '')),
    all.length + typical.length === 0 && el('p', { class: 'dim' }, t('recall.empty')),
    el('div', { class: 'shelf' }, typical, all.map(({ id, picture, made, number }) => {
      const words = [made ? timeOfDay(made) : '', picture ? state(picture) : store.wanted.has(id) ? t('recall.coming') : t('recall.fetch')];
      return el('button', {
        id: `image-${id}`,
        'aria-pressed': String(picture !== null && (picture === stage.main || picture === stage.compared)),
        onclick: () => desk.recall(id),
      }, picture && thumbnail(picture), el('span', { class: 'about' }, el('span', { class: 'unseen' }, t('recall.show')), el('b', {}, desk.subjectOf(id)?.identity ?? t('recall.number', { number: number && number < 2 ** 31 ? number : '' })), el('span', { class: 'mono dim' }, words[0]), el('span', { class: 'dim' }, words[1])));
    })),
  );
}

/** @param {Desk} desk @param {string} id @param {string} name */
function typicalButton(desk, id, name) {
  const { store, stage } = desk;
  const picture = store.pictures.get(id);
  const coming = store.wanted.has(id) ? t('recall.coming') : '';
  return el('button', { id: `image-${id}`, class: 'typical', 'aria-pressed': String(stage.compared?.id === id), onclick: () => desk.recall(id) },
    picture && thumbnail(picture), el('span', { class: 'about' }, el('span', { class: 'unseen' }, t('recall.show')), el('b', {}, name), el('span', { class: 'dim' }, t('recall.typical')), el('span', { class: 'dim' }, coming)));
}

/** @param {Picture} picture */
function state(picture) {
  if (!picture.outcome) return t('recall.live');
  return picture.stretched > 0 ? t('recall.refining') : t('recall.lines', { count: picture.outcome.lines });
}

/** @param {Picture} picture */
function thumbnail(picture) {
  const version = `${picture.views[0].version}`;
  const old = known.get(picture);
  if (old?.version === version) return old.canvas;
  const canvas = old?.canvas ?? /** @type {HTMLCanvasElement} */ (el('canvas', { width: WIDE, height: HIGH, 'aria-hidden': 'true' }));
  paint(canvas, picture);
  known.set(picture, { canvas, version });
  return canvas;
}

/** All of the first view, a sample for each pixel. @param {HTMLCanvasElement} canvas @param {Picture} picture */
function paint(canvas, picture) {
  const context = canvas.getContext('2d');
  const view = picture.views[0];
  if (!context || view.lines === 0) return;
  const scale = Math.min(WIDE / view.lines, HIGH / picture.format.pixels);
  const [wide, high] = [Math.max(1, Math.floor(view.lines * scale)), Math.max(1, Math.floor(picture.format.pixels * scale))];
  const pixels = context.createImageData(wide, high);
  for (let x = 0; x < wide; x += 1) {
    const line = view.line(Math.floor(x / scale));
    for (let y = 0; y < high; y += 1) {
      const rgb = line ? shown(picture.format, line, Math.min(picture.format.pixels - 1, Math.floor(y / scale))) : [255, 255, 255];
      pixels.data.set([...rgb, 255], (y * wide + x) * 4);
    }
  }
  context.clearRect(0, 0, WIDE, HIGH);
  context.putImageData(pixels, Math.floor((WIDE - wide) / 2), Math.floor((HIGH - high) / 2));
}

/** Red, green and blue of one element. @param {import('../image/picture.js').Format} format @param {Uint16Array} line @param {number} element */
function shown(format, line, element) {
  if (coloured(format)) return shades([0, 1, 2].map((plane) => line[plane * format.pixels + element]));
  const shade = 255 * grey(line[element], format.raw);
  return [shade, shade, shade];
}
