// The samples of one image as this page has them: lines in chunks, each either exact, stretched from a neighbour because
// it has not come yet, or missing.

import { isFilled } from '../protocol.js';
import { coloured, luminance } from './colours.js';

export const CHUNK = 1024;
export const MISSING = 0;
export const STRETCHED = 1;
export const EXACT = 2;
export const FILLED = 3;

/**
 * @typedef {{pixels: number, energies: number, views: number, pitch_um: number, line_um: number, live: boolean, raw: boolean}} Format
 * @typedef {{low: number, high: number | null, rgb?: number[]}} Sample  of a coloured picture low is the luminance
 * @typedef {{lines: number, filled: number, flaws: string[]}} Outcome
 * @typedef {{samples: Uint16Array, states: Uint8Array}} Chunk
 */

/** Lines of one view. */
export class View {
  /** @param {number} stride samples of a line, all energies */
  constructor(stride) {
    this.stride = stride;
    /** @type {Chunk[]} */
    this.chunks = [];
    this.lines = 0;
    /** @type {[number, number][]} ranges of lines that changed since they were last taken */
    this.dirty = [];
    this.version = 0;
  }

  /** @param {number} index */
  chunk(index) {
    const at = Math.floor(index / CHUNK);
    while (this.chunks.length <= at) {
      this.chunks.push({ samples: new Uint16Array(CHUNK * this.stride), states: new Uint8Array(CHUNK) });
    }
    return this.chunks[at];
  }

  /** @param {number} index */
  state(index) {
    return this.chunks[Math.floor(index / CHUNK)]?.states[index % CHUNK] ?? MISSING;
  }

  /** The samples of a line, all energies; `null` where there are none. @param {number} index */
  line(index) {
    if (index < 0 || this.state(index) === MISSING) return null;
    const start = (index % CHUNK) * this.stride;
    return this.chunks[Math.floor(index / CHUNK)].samples.subarray(start, start + this.stride);
  }

  /** @param {number} index @param {Uint16Array} samples @param {number} state */
  set(index, samples, state) {
    const chunk = this.chunk(index);
    chunk.samples.set(samples, (index % CHUNK) * this.stride);
    chunk.states[index % CHUNK] = state;
    this.lines = Math.max(this.lines, index + 1);
  }

  /** @param {import('../protocol.js').Lines} lines */
  put(lines) {
    for (let place = 0; place < lines.count; place += 1) {
      const index = lines.first + place * lines.step;
      const samples = lines.samples.subarray(place * this.stride, (place + 1) * this.stride);
      // Lines that refine stretch no further than the picture went: only the foremost ones tell how far it goes.
      const end = index < this.lines ? Math.min(index + lines.step, this.lines) : index + lines.step;
      this.set(index, samples, isFilled(lines, place) ? FILLED : EXACT);
      for (let next = index + 1; next < end && this.state(next) < EXACT; next += 1) this.set(next, samples, STRETCHED);
    }
    this.touch(lines.first, lines.first + lines.count * lines.step);
  }

  /** @param {number} from @param {number} to */
  touch(from, to) {
    this.version += 1;
    const last = this.dirty.at(-1);
    if (last && from <= last[1] && to >= last[0]) {
      last[0] = Math.min(last[0], from);
      last[1] = Math.max(last[1], to);
    } else {
      this.dirty.push([from, to]);
    }
  }

  /** Also what was cut: nothing stands there, and that has to be drawn. */
  takeDirty() {
    const { dirty } = this;
    this.dirty = [];
    return dirty;
  }

  /** Ranges of lines that were lost and filled. @returns {[number, number][]} */
  filledRanges() {
    /** @type {[number, number][]} */
    const ranges = [];
    for (let index = 0; index < this.lines; index += 1) {
      if (this.state(index) !== FILLED) continue;
      const last = ranges.at(-1);
      if (last && last[1] === index) last[1] = index + 1;
      else ranges.push([index, index + 1]);
    }
    return ranges;
  }

  /** Cuts what was stretched beyond the last line. @param {number} lines */
  cut(lines) {
    for (let index = lines; index < this.lines; index += 1) this.chunk(index).states[index % CHUNK] = MISSING;
    if (lines < this.lines) this.touch(lines, this.lines);
    this.lines = Math.min(this.lines, lines);
  }

  bytes() {
    return this.chunks.length * CHUNK * (this.stride * 2 + 1);
  }
}

/** One image. */
export class Picture {
  /** @param {string} id @param {number} number @param {Format} format @param {string} made */
  constructor(id, number, format, made) {
    this.id = id;
    this.number = number;
    this.format = format;
    this.made = made;
    /** @type {Outcome | null} */
    this.outcome = null;
    this.gone = false; // the daemon has let go of it; what is here stays
    this.missing = 0; // lines that the daemon never had
    this.recalled = false; // somebody asked for it
    this.views = Array.from({ length: format.views }, () => new View(format.pixels * format.energies));
  }

  /** @param {import('../protocol.js').Lines} lines @returns {boolean} whether they are lines of this image's form */
  put(lines) {
    const view = this.views[lines.view];
    if (!view || lines.pixels !== this.format.pixels || lines.energies !== this.format.energies) return false;
    view.put(lines);
    return true;
  }

  /** @param {Outcome} outcome */
  end(outcome) {
    this.outcome = outcome;
    for (const view of this.views) view.cut(outcome.lines);
  }

  get lines() {
    return Math.max(0, ...this.views.map((view) => view.lines));
  }

  /** Lines of the first view that stand for others until these come. */
  get stretched() {
    return this.views.reduce((all, view) => all + view.chunks.reduce((sum, { states }) => sum + states.filter((state) => state === STRETCHED).length, 0), 0);
  }

  bytes() {
    return this.views.reduce((all, view) => all + view.bytes(), 0);
  }

  /**
   * The samples of one detector element.
   * @param {number} view @param {number} line @param {number} element
   * @returns {Sample | null}
   */
  sample(view, line, element) {
    const samples = element >= 0 && element < this.format.pixels ? this.views[view]?.line(line) : null;
    if (!samples) return null;
    const { pixels, energies } = this.format;
    if (energies < 3) return { low: samples[element], high: energies > 1 ? samples[pixels + element] : null };
    return sampleOf(this.format, [0, 1, 2].map((plane) => samples[plane * pixels + element]));
  }
}

/** @param {Format} format @param {number[]} planes what each has there @returns {Sample} */
export function sampleOf(format, planes) {
  if (coloured(format)) return { low: Math.round(luminance(planes)), high: null, rgb: planes };
  return { low: planes[0], high: planes.length > 1 ? planes[1] : null };
}
