// Draws pictures with WebGL 2 from 16-bit textures. Only what changed is drawn: lines that came are a strip.

import { AIR } from './window.js';
import { CHUNK } from './picture.js';
import { BLOCK } from './means.js';
import { CLASS_FRAGMENT, CLASS_VERTEX, palette } from './material.js';
import { FRAGMENT, VERTEX } from './shaders.js';
import { MARGIN, Tiles } from './tiles.js';
import { allowed } from './tools.js';
import { aspectOf, matrix, toScreen } from './place.js';

/** Pictures whose textures are kept beside those that are shown. */
const KEPT = 3;
const ENERGY = { both: 0, low: 1, high: 2 };
const SCHEME = { grey: 0, material: 1, hot: 2, rainbow: 3 };
const ONLY = { all: 0, organic: 1, inorganic: 2 };

/**
 * @typedef {object} Pane
 * @property {{x: number, y: number, width: number, height: number}} rect  CSS pixels, from the canvas's top left
 * @property {import('./picture.js').Picture} picture
 * @property {number} view
 * @property {import('./place.js').Place} place
 * @property {import('./tools.js').Tools} tools
 */

export class Renderer {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    const gl = canvas.getContext('webgl2', { alpha: false, antialias: false, depth: false, preserveDrawingBuffer: true });
    if (!gl) throw new Error('no WebGL 2');
    this.gl = gl;
    /** @type {Map<import('./picture.js').Picture, Tiles[]>} least recently shown first */
    this.shelves = new Map();
    /** @type {{width: number, height: number, data: Uint8Array} | null} */
    this.materials = null;
    this.lost = false;
    this.drawn = '';
    /** @type {Record<string, WebGLUniformLocation | null>} */
    this.at = {};
    /** @type {WebGLTexture | null} */
    this.table = null;
    this.widest = 0;
    /** @type {WebGLFramebuffer | null} */
    this.buffer = null;
    /** @type {Program} */
    this.drawing = /** @type {any} */ (null);
    /** @type {Program} */
    this.classing = /** @type {any} */ (null);
    canvas.addEventListener('webglcontextlost', (event) => {
      event.preventDefault();
      this.lost = true;
    });
    this.begin();
  }

  begin() {
    const { gl } = this;
    this.drawing = build(gl, VERTEX, FRAGMENT);
    this.classing = build(gl, CLASS_VERTEX, CLASS_FRAGMENT);
    gl.useProgram(this.classing.program);
    gl.uniform1i(this.classing.at.u_samples, 0);
    gl.uniform1i(this.classing.at.u_materials, 3);
    gl.useProgram(this.drawing.program);
    this.at = this.drawing.at;
    ['u_samples', 'u_states', 'u_means', 'u_classes'].forEach((name, unit) => gl.uniform1i(this.at[name], unit === 3 ? 4 : unit));
    this.buffer = gl.createFramebuffer();
    gl.uniform1f(this.at.u_air, AIR);
    gl.uniform1i(this.at.u_block, BLOCK);
    gl.bindVertexArray(gl.createVertexArray());
    gl.enable(gl.SCISSOR_TEST);
    this.widest = gl.getParameter(gl.MAX_TEXTURE_SIZE);
    this.table = gl.createTexture();
    if (this.materials) this.setMaterials(this.materials.width, this.materials.height, this.materials.data);
  }

  /** After the graphics driver began anew: every texture is gone, the samples are not. */
  restore() {
    this.lost = false;
    this.shelves.clear();
    this.drawn = '';
    this.begin();
  }

  /** @param {number} width @param {number} height @param {Uint8Array} data RGBA */
  setMaterials(width, height, data) {
    const { gl } = this;
    this.materials = { width, height, data };
    gl.activeTexture(gl.TEXTURE3);
    gl.bindTexture(gl.TEXTURE_2D, this.table);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, data);
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, gl.NEAREST);
    gl.activeTexture(gl.TEXTURE0);
    gl.uniform3fv(this.at['u_palette[0]'], palette(this.materials));
    for (const shelf of this.shelves.values()) for (const tiles of shelf) tiles.forgetClasses();
    this.drawn = '';
  }

  /** The textures of a picture, made and filled when it is shown first. @param {import('./picture.js').Picture} picture */
  shelf(picture) {
    let tiles = this.shelves.get(picture);
    if (!tiles) {
      tiles = picture.views.map((view) => new Tiles(this.gl, view, picture.format, this.widest));
      picture.views.forEach((view, at) => {
        view.takeDirty();
        if (view.lines > 0) tiles?.[at].upload(0, view.lines);
      });
    }
    this.shelves.delete(picture);
    this.shelves.set(picture, tiles);
    return tiles;
  }

  /** @param {Set<import('./picture.js').Picture>} shown */
  letGo(shown) {
    for (const [picture, tiles] of this.shelves) {
      if (this.shelves.size <= KEPT + shown.size) break;
      if (shown.has(picture)) continue;
      for (const each of tiles) each.free();
      this.shelves.delete(picture);
    }
  }

  /**
   * Brings the canvas up to date.
   * @param {Pane[]} panes
   * @param {number[]} background  RGB, 0 to 1
   * @param {number} ratio         pixels of the screen to a CSS pixel
   * @returns {number} lines that went to the graphics card
   */
  draw(panes, background, ratio) {
    if (this.lost || this.gl.isContextLost()) return 0;
    const { gl, canvas } = this;
    gl.activeTexture(gl.TEXTURE0);
    const pictures = new Set(panes.map((pane) => pane.picture));
    let uploaded = 0;
    /** @type {Map<import('./picture.js').View, [number, number][]>} */
    const dirty = new Map();
    for (const picture of pictures) {
      const tiles = this.shelf(picture);
      picture.views.forEach((view, at) => {
        const ranges = view.takeDirty();
        dirty.set(view, ranges);
        for (const [from, to] of ranges.filter(([from, to]) => from < to)) {
          tiles[at].upload(from, to);
          uploaded += to - from;
        }
      });
    }
    const same = panes.map(({ rect, picture, view, place, tools }) => [rect, picture.id, view, place, tools]);
    const drawn = JSON.stringify([canvas.width, canvas.height, background, same]);
    const strips = drawn === this.drawn;
    if (!strips) this.clear(0, 0, canvas.width, canvas.height, background);
    for (const pane of panes) {
      if (!strips) this.pane(pane, ratio, null, background);
      else for (const range of dirty.get(pane.picture.views[pane.view]) ?? []) this.pane(pane, ratio, range, background);
    }
    this.drawn = drawn;
    this.letGo(pictures);
    gl.flush();
    return uploaded;
  }

  /** @param {number} x @param {number} y @param {number} width @param {number} height @param {number[]} colour */
  clear(x, y, width, height, [red, green, blue]) {
    const { gl } = this;
    gl.scissor(x, y, width, height);
    gl.clearColor(red, green, blue, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
  }

  /** @param {Pane} pane @param {number} ratio @param {[number, number] | null} range lines to draw, or all @param {number[]} background */
  pane(pane, ratio, range, background) {
    const { gl, canvas } = this;
    const { picture, rect } = pane;
    const aspect = aspectOf(picture.format);
    const box = range ? strip(pane, aspect, range) : rect;
    const [x, y] = [Math.round(box.x * ratio), Math.round(box.y * ratio)];
    const [width, height] = [Math.round((box.x + box.width) * ratio) - x, Math.round((box.y + box.height) * ratio) - y];
    if (width <= 0 || height <= 0) return;
    const below = canvas.height - y - height;
    if (range) this.clear(x, below, width, height, background);
    gl.scissor(x, below, width, height);
    const port = { x: Math.round(rect.x * ratio), y: Math.round(rect.y * ratio), width: Math.round(rect.width * ratio), height: Math.round(rect.height * ratio) };
    gl.viewport(port.x, canvas.height - port.y - port.height, port.width, port.height);
    this.settings(pane, aspect, ratio);
    for (const tile of this.shelf(picture)[pane.view].tiles) this.tile(pane, tile);
  }

  /** @param {Pane} pane @param {number} aspect @param {number} ratio */
  settings({ picture, place, rect, tools: wanted }, aspect, ratio) {
    const { gl, at } = this;
    const tools = allowed(wanted, { ...picture.format, table: this.materials !== null });
    const [a, b, c, d] = matrix(place, aspect);
    const [x, y] = place.focus;
    const [across, up] = [2 / rect.width, -2 / rect.height];
    gl.uniformMatrix3x2fv(at.u_screen, false, [a * across, c * up, b * across, d * up, -(a * x + b * y) * across, -(c * x + d * y) * up]);
    gl.uniform2f(at.u_step, 1 / (place.zoom * aspect * ratio), 1 / (place.zoom * ratio));
    gl.uniform1i(at.u_energies, picture.format.energies);
    gl.uniform1i(at.u_raw, picture.format.raw ? 1 : 0);
    gl.uniform1i(at.u_smooth, tools.smooth ? 1 : 0);
    gl.uniform1i(at.u_energy, ENERGY[tools.energy]);
    gl.uniform1i(at.u_scheme, SCHEME[tools.scheme]);
    gl.uniform1i(at.u_only, ONLY[tools.only]);
    gl.uniform1i(at.u_invert, tools.invert ? 1 : 0);
    gl.uniform1f(at.u_edge, [0, 0.8, 1.6, 3][tools.edge]);
    gl.uniform1f(at.u_contrast, [0, 0.4, 0.8, 1.2][tools.contrast]);
    gl.uniform2f(at.u_window, tools.window.centre, tools.window.width);
  }

  /** @param {Pane} pane @param {import('./tiles.js').Tile} tile */
  tile({ picture, view, tools: wanted }, tile) {
    const { gl, at } = this;
    const core = tile.first + MARGIN;
    const lines = Math.min(CHUNK, picture.views[view].lines - core);
    if (lines <= 0) return;
    const rows = Math.min(picture.views[view].lines, tile.first + CHUNK + 2 * MARGIN) - tile.first;
    const tools = allowed(wanted, { ...picture.format, table: this.materials !== null });
    if (tools.scheme === 'material') {
      const classes = this.shelf(picture)[view].classesOf(tile, (of, into, stale) => this.classify(of, into, stale, [Math.max(0, -of.first), rows - 1]));
      gl.activeTexture(gl.TEXTURE4);
      gl.bindTexture(gl.TEXTURE_2D, classes);
    }
    if (tools.contrast > 0) {
      gl.activeTexture(gl.TEXTURE2);
      const { origin, size } = this.shelf(picture)[view].meansOf(tile);
      gl.uniform2i(at.u_means_origin, origin[0], origin[1]);
      gl.uniform2i(at.u_means_size, size[0], size[1]);
    }
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, tile.states);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, tile.samples);
    gl.uniform2i(at.u_origin, tile.first, tile.element);
    gl.uniform2i(at.u_size, rows, tile.elements);
    gl.uniform4f(at.u_core, core, tile.element, lines, tile.elements);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  /**
   * Computes the classes of some rows of a tile.
   * @param {import('./tiles.js').Tile} tile @param {WebGLTexture} into @param {[number, number]} stale
   * @param {number[]} there  first and last row with a line
   */
  classify(tile, into, [from, to], there) {
    const { gl, classing, drawing } = this;
    const [port, scissor] = [gl.getParameter(gl.VIEWPORT), gl.getParameter(gl.SCISSOR_BOX)];
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, tile.samples);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.buffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, into, 0);
    gl.useProgram(classing.program);
    gl.uniform2i(classing.at.u_rows, there[0], there[1]);
    gl.uniform1i(classing.at.u_elements, tile.elements);
    gl.viewport(0, from, tile.elements, to - from);
    gl.scissor(0, from, tile.elements, to - from);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.useProgram(drawing.program);
    gl.viewport(port[0], port[1], port[2], port[3]);
    gl.scissor(scissor[0], scissor[1], scissor[2], scissor[3]);
  }

  /**
   * One sample as the graphics card has it.
   * @param {import('./picture.js').Picture} picture @param {number} view @param {number} line @param {number} element
   * @returns {{low: number, high: number | null} | null}
   */
  sample(picture, view, line, element) {
    const { gl } = this;
    const tile = this.shelves.get(picture)?.[view]?.tiles.find(
      (tile) => line >= tile.first + MARGIN && line < tile.first + MARGIN + CHUNK && element >= tile.element && element < tile.element + tile.elements,
    );
    if (!tile || line >= picture.views[view].lines) return null;
    const buffer = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, buffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, tile.samples, 0);
    const read = (/** @type {number} */ x) => {
      const out = new Uint32Array(4);
      gl.readPixels(x, line - tile.first, 1, 1, gl.RGBA_INTEGER, gl.UNSIGNED_INT, out);
      return out[0];
    };
    const x = element - tile.element;
    const pair = { low: read(x), high: picture.format.energies > 1 ? read(x + tile.elements) : null };
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.deleteFramebuffer(buffer);
    return pair;
  }
}

/** @typedef {{program: WebGLProgram, at: Record<string, WebGLUniformLocation | null>}} Program */

/** @param {WebGL2RenderingContext} gl @param {string} vertex @param {string} fragment @returns {Program} */
function build(gl, vertex, fragment) {
  const program = gl.createProgram();
  for (const [kind, text] of /** @type {const} */ ([[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    const shaders = gl.getAttachedShaders(program) ?? [];
    throw new Error(shaders.map((shader) => gl.getShaderInfoLog(shader)).join(' ') || gl.getProgramInfoLog(program) || 'link');
  }
  /** @type {Program['at']} */
  const at = {};
  const count = gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS) ?? 0;
  for (let index = 0; index < count; index += 1) {
    const { name } = /** @type {WebGLActiveInfo} */ (gl.getActiveUniform(program, index));
    at[name] = gl.getUniformLocation(program, name);
  }
  return { program, at };
}

/**
 * The part of a pane where lines stand, and what filters carry over its edges.
 * @param {Pane} pane @param {number} aspect @param {[number, number]} range
 */
function strip({ place, rect, picture }, aspect, [from, to]) {
  const reach = MARGIN;
  const corners = [[from - reach, 0], [to + reach, picture.format.pixels]].map((corner) => toScreen(place, aspect, rect, corner));
  const span = (/** @type {number} */ axis, /** @type {number} */ most) => {
    const ends = corners.map((corner) => corner[axis]);
    return [Math.max(0, Math.floor(Math.min(...ends))), Math.min(most, Math.ceil(Math.max(...ends)))];
  };
  const [[left, right], [top, bottom]] = [span(0, rect.width), span(1, rect.height)];
  return { x: rect.x + left, y: rect.y + top, width: right - left, height: bottom - top };
}
