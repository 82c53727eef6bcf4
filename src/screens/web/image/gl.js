// Draws pictures with WebGL 2 from 16-bit textures. Only what changed is drawn: lines that came are a strip, and what has
// moved by whole pixels is moved on the canvas. Software graphics follow a belt by this alone.

import { AIR } from './window.js';
import { CHUNK, sampleOf } from './picture.js';
import { BLOCK } from './means.js';
import { coloured } from './colours.js';
import { CLASS_FRAGMENT, CLASS_VERTEX, palette } from './material.js';
import { FRAGMENT, VERTEX } from './shaders.js';
import { MARGIN, Tiles } from './tiles.js';
import { allowed } from './tools.js';
import { aspectOf, matrix } from './place.js';
import { exposed, kept, moved, outermost, rasterOf, strip } from './raster.js';

/** Pictures whose textures are kept beside those that are shown. */
const KEPT = 3;
const ENERGY = { both: 0, low: 1, high: 2 };
const SCHEME = { grey: 0, material: 1, hot: 2, rainbow: 3 };
const OWN = 4;
const ONLY = { all: 0, organic: 1, inorganic: 2 };
/** A driver that never says that it is done does not stop the picture for longer, milliseconds. */
const BUSY_MAX = 2000;

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
    /** What stands on the canvas. @type {Drawn | null} */
    this.drawn = null;
    /** How often all was drawn, how often a picture was moved. */
    this.counts = { whole: 0, moved: 0 };
    /** @type {{sync: WebGLSync, since: number} | null} */
    this.fence = null;
    /** What moves passes through it. @type {{buffer: WebGLFramebuffer, store: WebGLRenderbuffer | null, width: number, height: number} | null} */
    this.aside = null;
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
    this.drawn = null;
    this.fence = null;
    this.aside = null;
    this.begin();
  }

  /** The next drawing is a whole one. */
  forget() {
    this.drawn = null;
  }

  /** Whether the last drawing is still being done: another one would only wait behind it. */
  get busy() {
    const { gl, fence } = this;
    if (!fence || this.lost || gl.isContextLost()) return false;
    const waits = gl.clientWaitSync(fence.sync, 0, 0) === gl.TIMEOUT_EXPIRED;
    if (waits && performance.now() - fence.since < BUSY_MAX) return true;
    gl.deleteSync(fence.sync);
    this.fence = null;
    return false;
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
    this.drawn = null;
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
        for (const [from, end] of ranges) {
          const to = Math.min(end, view.lines);
          if (from >= to) continue;
          tiles[at].upload(from, to);
          uploaded += to - from;
        }
      });
    }
    const rasters = panes.map((pane) => rasterOf(pane, ratio));
    const ways = this.ways(panes, rasters, background);
    if (ways) {
      panes.forEach((pane, at) => this.change(pane, rasters[at], ratio, background, ways[at], dirty.get(pane.picture.views[pane.view]) ?? []));
    } else {
      this.clear({ x: 0, y: 0, width: canvas.width, height: canvas.height }, background);
      panes.forEach((pane, at) => this.region(pane, rasters[at], ratio, rasters[at].port, background));
      this.counts.whole += 1;
    }
    this.letGo(pictures);
    if (this.fence) gl.deleteSync(this.fence.sync);
    const sync = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    this.fence = sync && { sync, since: performance.now() };
    gl.flush();
    return uploaded;
  }

  /**
   * How far each pane's picture moved since the last drawing; nothing where all has to be drawn.
   * @param {Pane[]} panes @param {import('./raster.js').Raster[]} rasters @param {number[]} background
   */
  ways(panes, rasters, background) {
    const { canvas, drawn } = this;
    const looks = panes.map(({ rect, view, place: { zoom, turns, mirror }, tools }) => [rect, view, zoom, turns, mirror, tools]);
    const look = JSON.stringify([canvas.width, canvas.height, background, looks]);
    const pictures = panes.map((pane) => pane.picture);
    this.drawn = { look, pictures, zeros: rasters.map(({ zero }) => zero) };
    if (!drawn || drawn.look !== look || pictures.some((picture, at) => picture !== drawn.pictures[at])) return null;
    const ways = rasters.flatMap(({ zero }, at) => {
      const way = moved(drawn.zeros[at], zero);
      return way ? [way] : [];
    });
    return ways.length === panes.length ? ways : null;
  }

  /**
   * Brings a pane up to date: what stays in sight is moved, what came into sight and the lines that came are drawn.
   * @param {Pane} pane @param {import('./raster.js').Raster} raster @param {number} ratio @param {number[]} background
   * @param {number[]} way @param {[number, number][]} dirty
   */
  change(pane, raster, ratio, background, way, dirty) {
    const { port } = raster;
    if (way[0] !== 0 || way[1] !== 0) this.move(kept(port, way), way);
    const strips = dirty.map((range) => strip(pane, ratio, port, range, MARGIN));
    for (const box of outermost([...exposed(port, way), ...strips])) this.region(pane, raster, ratio, box, background);
  }

  /** Moves what is drawn. @param {Box} box where it comes to stand @param {number[]} way */
  move({ x, y, width, height }, [dx, dy]) {
    if (width === 0 || height === 0) return;
    const { gl, canvas } = this;
    const buffer = this.besides();
    const [left, right] = [x, x + width];
    const [below, above] = [canvas.height - y - height, canvas.height - y];
    const from = /** @type {const} */ ([left - dx, below + dy, right - dx, above + dy]);
    // A canvas cannot be copied onto itself where both places overlap.
    gl.disable(gl.SCISSOR_TEST);
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, null);
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, buffer);
    gl.blitFramebuffer(...from, ...from, gl.COLOR_BUFFER_BIT, gl.NEAREST);
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, buffer);
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, null);
    gl.blitFramebuffer(...from, left, below, right, above, gl.COLOR_BUFFER_BIT, gl.NEAREST);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.enable(gl.SCISSOR_TEST);
    this.counts.moved += 1;
  }

  /** As large as the canvas. */
  besides() {
    const { gl, canvas: { width, height } } = this;
    if (this.aside?.width === width && this.aside.height === height) return this.aside.buffer;
    const store = gl.createRenderbuffer();
    gl.bindRenderbuffer(gl.RENDERBUFFER, store);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.RGBA8, width, height);
    if (this.aside) {
      gl.deleteFramebuffer(this.aside.buffer);
      gl.deleteRenderbuffer(this.aside.store);
    }
    const buffer = /** @type {WebGLFramebuffer} */ (gl.createFramebuffer());
    gl.bindFramebuffer(gl.FRAMEBUFFER, buffer);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.RENDERBUFFER, store);
    this.aside = { buffer, store, width, height };
    return buffer;
  }

  /** @param {Box} box @param {number[]} colour */
  clear({ x, y, width, height }, [red, green, blue]) {
    const { gl } = this;
    gl.scissor(x, this.canvas.height - y - height, width, height);
    gl.clearColor(red, green, blue, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
  }

  /**
   * Draws a part of a pane.
   * @param {Pane} pane @param {import('./raster.js').Raster} raster @param {number} ratio @param {Box} box @param {number[]} background
   */
  region(pane, raster, ratio, box, background) {
    const { gl, canvas } = this;
    const { port } = raster;
    this.clear(box, background); // leaves its scissor
    gl.viewport(port.x, canvas.height - port.y - port.height, port.width, port.height);
    this.settings(pane, raster, ratio);
    for (const tile of this.shelf(pane.picture)[pane.view].tiles) this.tile(pane, tile);
  }

  /** @param {Pane} pane @param {import('./raster.js').Raster} raster @param {number} ratio */
  settings({ picture, place, tools: wanted }, { port, zero, back }, ratio) {
    const { gl, at, canvas } = this;
    const aspect = aspectOf(picture.format);
    const tools = allowed(wanted, { ...picture.format, table: this.materials !== null });
    const [a, b, c, d] = matrix(place, aspect).map((part) => part * ratio);
    const [x, y] = place.focus;
    const [across, up] = [2 / port.width, -2 / port.height];
    gl.uniformMatrix3x2fv(at.u_screen, false, [a * across, c * up, b * across, d * up, -(a * x + b * y) * across, -(c * x + d * y) * up]);
    // The canvas counts from its bottom.
    gl.uniform2f(at.u_zero, zero[0], canvas.height - zero[1]);
    gl.uniformMatrix2fv(at.u_back, false, [back[0], back[2], -back[1], -back[3]]);
    gl.uniform2f(at.u_step, 1 / (place.zoom * aspect * ratio), 1 / (place.zoom * ratio));
    gl.uniform1i(at.u_energies, picture.format.energies);
    gl.uniform1i(at.u_raw, picture.format.raw ? 1 : 0);
    gl.uniform1i(at.u_smooth, tools.smooth ? 1 : 0);
    gl.uniform1i(at.u_energy, ENERGY[tools.energy]);
    gl.uniform1i(at.u_scheme, tools.scheme === 'material' && coloured(picture.format) ? OWN : SCHEME[tools.scheme]);
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
    if (tools.scheme === 'material' && !coloured(picture.format)) {
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
   * @returns {import('./picture.js').Sample | null}
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
    const planes = Array.from({ length: picture.format.energies }, (_, plane) => read(x + plane * tile.elements));
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.deleteFramebuffer(buffer);
    return sampleOf(picture.format, planes);
  }
}

/** @typedef {import('./raster.js').Box} Box */
/** @typedef {{look: string, pictures: import('./picture.js').Picture[], zeros: number[][]}} Drawn */
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
