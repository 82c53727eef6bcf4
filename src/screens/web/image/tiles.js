// The textures of one view: tiles of lines, so that an image may be of any length, with a margin of their neighbours'
// lines for the filters. A row of a texture is a line as it came, so that lines go up as they are, many at once.

import { CHUNK } from './picture.js';
import { REACH } from './material.js';
import { BLOCK, BlockMeans } from './means.js';

/** Lines of its neighbours that a tile has: what a filter or the mean of a shrunk picture reaches. */
export const MARGIN = 32;
const ROWS = CHUNK + 2 * MARGIN;
const BLOCKS = CHUNK / BLOCK + 2;

/**
 * @typedef {object} Tile
 * @property {number} first      line of the texture's row 0; below 0 in the first tile
 * @property {number} element    first element
 * @property {number} elements
 * @property {WebGLTexture} samples
 * @property {WebGLTexture} states
 * @property {WebGLTexture | null} means
 * @property {WebGLTexture | null} classes
 * @property {[number, number] | null} stale  rows whose classes are to be computed
 */

export class Tiles {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {import('./picture.js').View} view
   * @param {{pixels: number, energies: number}} format
   * @param {number} widest  texels that a texture may be wide
   */
  constructor(gl, view, format, widest) {
    this.gl = gl;
    this.view = view;
    this.format = format;
    this.span = Math.min(format.pixels, Math.floor(widest / format.energies));
    /** @type {Tile[]} */
    this.tiles = [];
    this.means = new BlockMeans(view, format);
  }

  /** Uploads lines. @param {number} from @param {number} to */
  upload(from, to) {
    this.means.forget(from, to);
    const last = Math.floor((to - 1 + MARGIN) / CHUNK);
    for (let number = Math.max(0, Math.floor((from - MARGIN) / CHUNK)); number <= last; number += 1) {
      if (number * CHUNK >= this.view.lines) break; // only its margin has lines: it is made with the first of its own
      for (const tile of this.of(number)) {
        this.write(tile, Math.max(from, tile.first), Math.min(to, tile.first + ROWS));
      }
    }
  }

  /** The tiles side by side that begin with a chunk's lines. @param {number} number */
  of(number) {
    const mine = this.tiles.filter((tile) => tile.first === number * CHUNK - MARGIN);
    if (mine.length > 0) return mine;
    for (let element = 0; element < this.format.pixels; element += this.span) {
      const elements = Math.min(this.span, this.format.pixels - element);
      mine.push(this.make(number * CHUNK - MARGIN, element, elements));
    }
    this.tiles.push(...mine);
    for (const tile of mine) this.write(tile, Math.max(0, tile.first), Math.min(this.view.lines, tile.first + ROWS));
    return mine;
  }

  /** @param {number} first @param {number} element @param {number} elements @returns {Tile} */
  make(first, element, elements) {
    const { gl } = this;
    const samples = texture(gl, gl.R16UI, elements * this.format.energies, ROWS);
    return { first, element, elements, samples, states: texture(gl, gl.R8UI, 1, ROWS), means: null, classes: null, stale: null };
  }

  /** @param {Tile} tile @param {number} from @param {number} to */
  write(tile, from, to) {
    const rows = [Math.max(0, from - REACH - tile.first), Math.min(ROWS, to + REACH - tile.first)];
    tile.stale = tile.stale ? [Math.min(tile.stale[0], rows[0]), Math.max(tile.stale[1], rows[1])] : [rows[0], rows[1]];
    let line = from;
    while (line < to) {
      const number = Math.floor(line / CHUNK);
      const end = Math.min(to, (number + 1) * CHUNK);
      const chunk = this.view.chunks[number];
      if (chunk) this.rows(tile, chunk, line, end);
      line = end;
    }
  }

  /** @param {Tile} tile @param {import('./picture.js').Chunk} chunk @param {number} from @param {number} to */
  rows(tile, chunk, from, to) {
    const { gl } = this;
    const { stride } = this.view;
    const [row, at, rows] = [from - tile.first, from % CHUNK, to - from];
    gl.bindTexture(gl.TEXTURE_2D, tile.samples);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 2);
    if (tile.elements === this.format.pixels) {
      const lines = chunk.samples.subarray(at * stride, (at + rows) * stride);
      gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, row, stride, rows, gl.RED_INTEGER, gl.UNSIGNED_SHORT, lines);
    } else {
      gl.pixelStorei(gl.UNPACK_ROW_LENGTH, stride);
      for (let energy = 0; energy < this.format.energies; energy += 1) {
        const start = at * stride + energy * this.format.pixels + tile.element;
        const lines = chunk.samples.subarray(start);
        gl.texSubImage2D(gl.TEXTURE_2D, 0, energy * tile.elements, row, tile.elements, rows, gl.RED_INTEGER, gl.UNSIGNED_SHORT, lines);
      }
      gl.pixelStorei(gl.UNPACK_ROW_LENGTH, 0);
    }
    gl.bindTexture(gl.TEXTURE_2D, tile.states);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, row, 1, rows, gl.RED_INTEGER, gl.UNSIGNED_BYTE, chunk.states.subarray(at, at + rows));
  }

  /** Means of the blocks around a tile, brought up to date. @param {Tile} tile */
  meansOf(tile) {
    const { gl } = this;
    const firstBlock = (tile.first + MARGIN) / BLOCK - 1;
    const wide = Math.ceil(tile.elements / BLOCK);
    tile.means ??= texture(gl, gl.R16UI, wide * this.format.energies, BLOCKS);
    gl.bindTexture(gl.TEXTURE_2D, tile.means);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 2);
    const blockRows = Math.ceil(this.view.lines / BLOCK);
    const [from, to] = [Math.max(0, firstBlock), Math.min(blockRows, firstBlock + BLOCKS)];
    if (to <= from) return { origin: [from, 0], size: [1, wide] };
    const samples = this.means.rows(from, to, tile.element, wide);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, wide * this.format.energies, to - from, gl.RED_INTEGER, gl.UNSIGNED_SHORT, samples);
    return { origin: [from, Math.floor(tile.element / BLOCK)], size: [to - from, wide] };
  }

  /**
   * The classes of a tile's samples, brought up to date.
   * @param {Tile} tile @param {(tile: Tile, into: WebGLTexture, rows: [number, number]) => void} compute
   */
  classesOf(tile, compute) {
    tile.classes ??= texture(this.gl, this.gl.R8UI, tile.elements, ROWS);
    if (tile.stale) compute(tile, tile.classes, tile.stale);
    tile.stale = null;
    return tile.classes;
  }

  /** The table is another one. */
  forgetClasses() {
    for (const tile of this.tiles) tile.stale = [0, ROWS];
  }

  free() {
    for (const tile of this.tiles) {
      for (const texture of [tile.samples, tile.states, tile.means, tile.classes]) this.gl.deleteTexture(texture);
    }
    this.tiles = [];
  }
}

/** @param {WebGL2RenderingContext} gl @param {number} format @param {number} width @param {number} height */
function texture(gl, format, width, height) {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  gl.texStorage2D(gl.TEXTURE_2D, 1, format, width, height);
  for (const [name, value] of [[gl.TEXTURE_MIN_FILTER, gl.NEAREST], [gl.TEXTURE_MAG_FILTER, gl.NEAREST], [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE]]) {
    gl.texParameteri(gl.TEXTURE_2D, name, value);
  }
  return made;
}
