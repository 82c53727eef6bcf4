// The image area: which pictures stand in which pane, how each is placed, and when a frame is drawn.

import { Renderer } from './gl.js';
import { Overlay } from './overlay.js';
import { PLAIN, stepped, whyNot } from './tools.js';
import { aspectOf, atFirst, fitted, followed, mirrored, panned, toImage, turnedRight, zoomed } from './place.js';
import { automatic, grey } from './window.js';
import { Timings } from './timings.js';

const GAP = 2;
const FIT = /** @type {const} */ ('fit');
const FOLLOW = /** @type {const} */ ('follow');
/** How soon to look again whether the graphics have done the last frame, milliseconds. */
const BUSY_MS = 4;

/**
 * @typedef {import('./gl.js').Pane & {slot: 'main' | 'compare'}} StagePane
 * @typedef {{width: number, height: number}} Size
 */

export class Stage extends EventTarget {
  /** @param {HTMLElement} host @param {import('../store.js').Store} store */
  constructor(host, store) {
    super();
    this.host = host;
    this.store = store;
    this.canvas = /** @type {HTMLCanvasElement} */ (host.querySelector('canvas'));
    this.renderer = new Renderer(this.canvas);
    this.overlay = new Overlay(/** @type {SVGSVGElement} */ (host.querySelector('svg')), this);
    this.timings = new Timings();
    /** @type {import('./picture.js').Picture | null} */
    this.main = null;
    /** @type {import('./picture.js').Picture | null} */
    this.compared = null;
    /** @type {number | null} one view alone, or all */
    this.alone = null;
    this.tools = PLAIN;
    /** @type {'hand'|'window'|'box'|'polygon'|'measure'} */
    this.mode = 'hand';
    /** @type {Map<string, import('./place.js').Place>} */
    this.places = new Map();
    /** Turned and mirrored as this desk likes it, for the next image as well. */
    this.orientation = { turns: 0, mirror: false };
    /** @type {StagePane[]} */
    this.panes = [];
    this.active = 0;
    this.waiting = false;
    this.frames = 0;
    new ResizeObserver(() => this.redraw()).observe(host);
    addEventListener('theme', () => this.redraw());
    this.canvas.addEventListener('webglcontextrestored', () => {
      this.renderer.restore();
      if (store.materials) this.setMaterials();
      this.redraw();
    });
    store.on('lines', ({ picture, at }) => this.shows(picture) && this.redraw('line', at));
    store.on('end', (picture) => this.ended(picture));
    store.on('materials', () => this.setMaterials());
    store.keeps = (id) => this.main?.id === id || this.compared?.id === id;
  }

  setMaterials() {
    const { width, height, data } = /** @type {import('./material.js').Table} */ (this.store.materials);
    this.renderer.setMaterials(width, height, data);
    this.redraw();
  }

  /** @param {import('./picture.js').Picture} picture */
  shows(picture) {
    return picture === this.main || picture === this.compared;
  }

  /** @param {import('./picture.js').Picture | null} picture */
  show(picture) {
    if (this.main === picture) return;
    this.main = picture;
    this.active = 0;
    if (picture && this.alone !== null && this.alone >= picture.format.views) this.alone = null;
    this.tell('picture');
    this.redraw();
  }

  /** @param {import('./picture.js').Picture | null} picture */
  compare(picture) {
    this.compared = picture;
    this.tell('picture');
    this.redraw();
  }

  /** @param {import('./picture.js').Picture} picture */
  ended(picture) {
    for (const [key, place] of this.places) {
      if (key.includes(`:${picture.id}:`) && place.mode === 'follow') this.places.set(key, { ...place, mode: 'fit' });
    }
    if (this.shows(picture)) this.redraw();
  }

  /** @param {string} what */
  tell(what) {
    this.dispatchEvent(new CustomEvent(what));
  }

  /** A frame is drawn soon. @param {'line'|'tool'} [because] @param {number} [since] */
  redraw(because, since) {
    if (because) this.timings.begin(because, since ?? performance.now());
    if (this.waiting) return;
    this.waiting = true;
    this.ask();
  }

  /** Where the graphics are slower than the belt, frames would queue: the page hears what comes until they are done. */
  ask() {
    if (this.renderer.busy) setTimeout(() => this.ask(), BUSY_MS);
    else requestAnimationFrame(() => this.frame());
  }

  frame() {
    this.waiting = false;
    const ratio = devicePixelRatio || 1;
    const { width, height } = this.host.getBoundingClientRect();
    const [wide, high] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    if (this.canvas.width !== wide || this.canvas.height !== high) Object.assign(this.canvas, { width: wide, height: high });
    this.panes = this.layout({ width, height }, ratio);
    const background = getComputedStyle(this.host).getPropertyValue('--stage').split(' ').map(Number);
    this.renderer.draw(this.panes, background, ratio);
    this.overlay.draw();
    this.frames += 1;
    this.timings.end();
    this.tell('frame');
  }

  /** @param {Size} size @param {number} ratio @returns {StagePane[]} */
  layout(size, ratio) {
    const pictures = /** @type {const} */ ([['main', this.main], ['compare', this.compared]]);
    const shown = pictures.filter(([, picture]) => picture !== null);
    const width = (size.width - GAP * (shown.length - 1)) / Math.max(1, shown.length);
    return shown.flatMap(([slot, picture], column) => {
      const its = /** @type {import('./picture.js').Picture} */ (picture);
      const alone = this.alone !== null && this.alone < its.format.views ? this.alone : null;
      const views = alone === null ? its.views.map((_, view) => view) : [alone];
      const height = (size.height - GAP * (views.length - 1)) / views.length;
      return views.map((view, row) => {
        const rect = { x: column * (width + GAP), y: row * (height + GAP), width, height };
        return { slot, picture: its, view, rect, tools: this.tools, place: this.placed(slot, its, view, rect, ratio) };
      });
    });
  }

  /** @param {string} slot @param {import('./picture.js').Picture} picture @param {number} view @param {Size} size @param {number} ratio */
  placed(slot, picture, view, size, ratio) {
    const key = `${slot}:${picture.id}:${view}`;
    const before = this.places.get(key) ?? { ...atFirst(), ...this.orientation, mode: picture.outcome ? FIT : FOLLOW };
    const extent = extentOf(picture);
    let place = before;
    if (before.mode === 'fit') place = fitted(before, extent, size);
    if (before.mode === 'follow') place = followed(before, extent, size, ratio);
    this.places.delete(key);
    this.places.set(key, place);
    if (this.places.size > 200) this.places.delete(/** @type {string} */ (this.places.keys().next().value));
    return place;
  }

  /** The pane that tools without a pointer act on. */
  get pane() {
    return this.panes[Math.min(this.active, this.panes.length - 1)] ?? null;
  }

  /** @param {number[]} point CSS pixels from the stage's top left */
  paneAt([x, y]) {
    const at = this.panes.findIndex(({ rect }) => x >= rect.x && x < rect.x + rect.width && y >= rect.y && y < rect.y + rect.height);
    return at < 0 ? null : at;
  }

  /** Picture coordinates of a point on the stage. @param {StagePane} pane @param {number[]} point */
  imagePoint({ picture, place, rect }, [x, y]) {
    return toImage(place, aspectOf(picture.format), rect, [x - rect.x, y - rect.y]);
  }

  /** @param {StagePane} pane @param {import('./place.js').Place} place */
  move(pane, place) {
    this.places.set(`${pane.slot}:${pane.picture.id}:${pane.view}`, place);
    pane.place = place; // a second step may come before the next frame
    this.redraw('tool');
  }

  /** @param {number} factor @param {StagePane | null} [pane] @param {number[]} [point] on the stage */
  zoom(factor, pane = this.pane, point) {
    if (!pane) return;
    const { rect } = pane;
    const within = point && [point[0] - rect.x, point[1] - rect.y];
    this.move(pane, zoomed(pane.place, aspectOf(pane.picture.format), rect, factor, within));
  }

  /** @param {number} dx @param {number} dy @param {StagePane | null} [pane] */
  pan(dx, dy, pane = this.pane) {
    if (pane) this.move(pane, panned(pane.place, extentOf(pane.picture), pane.rect, dx, dy));
  }

  /** All of the picture, in every pane. */
  fit() {
    for (const pane of this.panes) this.move(pane, { ...pane.place, mode: 'fit' });
  }

  /** One element of the detector to a pixel of the screen. */
  oneToOne() {
    for (const pane of this.panes) this.zoom(1 / (pane.place.zoom * (devicePixelRatio || 1)), pane);
  }

  /** @param {'rotate'|'mirror'} how */
  turn(how) {
    for (const pane of this.panes) {
      const place = how === 'rotate' ? turnedRight(pane.place) : mirrored(pane.place);
      this.orientation = { turns: place.turns, mirror: place.mirror };
      this.move(pane, place);
    }
  }

  /** All views, then each alone. */
  nextView() {
    const views = this.main?.format.views ?? 1;
    if (views < 2) return;
    const next = this.alone === null ? 0 : this.alone + 1;
    this.alone = next >= views ? null : next;
    this.tell('tools');
    this.redraw('tool');
  }

  /** What the picture and the machine allow. @returns {import('./tools.js').Can | null} */
  get can() {
    return this.main && { ...this.main.format, table: this.store.materials !== null };
  }

  /** @param {string} name @param {any} [value] @returns {string | null} why it cannot be used */
  use(name, value) {
    const why = whyNot(name, this.can);
    if (why) return why;
    this.tools = stepped(this.tools, name, value);
    this.tell('tools');
    this.redraw('tool');
    return null;
  }

  /** Window and level from what is in sight. */
  automatic() {
    const { pane } = this;
    if (!pane) return;
    const { rect, picture, view } = pane;
    const [ends, pixels] = [[[0, 0], [rect.width, rect.height]].map(([x, y]) => this.imagePoint(pane, [rect.x + x, rect.y + y])), picture.format.pixels];
    const span = (/** @type {number} */ axis, /** @type {number} */ most) => {
      const both = ends.map((end) => Math.min(most, Math.max(0, Math.floor(end[axis]))));
      return [Math.min(...both), Math.max(...both)];
    };
    const [[left, right], [top, bottom]] = [span(0, picture.views[view].lines), span(1, pixels)];
    const every = Math.max(1, Math.floor(Math.sqrt(((right - left) * (bottom - top)) / 60000)));
    const high = this.tools.energy === 'high' && picture.format.energies === 2;
    const samples = (function* () {
      for (let line = left; line < right; line += every) {
        for (let element = top; element < bottom; element += every) {
          const pair = picture.sample(view, line, element);
          if (pair) yield grey(high ? /** @type {number} */ (pair.high) : pair.low, picture.format.raw);
        }
      }
    })();
    const window = automatic(samples);
    if (window) this.use('window', window);
  }

  /** @param {'hand'|'window'|'box'|'polygon'|'measure'} mode */
  setMode(mode) {
    this.mode = mode;
    this.host.dataset.mode = mode;
    this.tell('tools');
  }
}

/** @param {import('./picture.js').Picture} picture */
export function extentOf(picture) {
  return { lines: picture.lines, pixels: picture.format.pixels, aspect: aspectOf(picture.format) };
}
