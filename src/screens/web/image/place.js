// Where on the screen a picture's pixel stands. A picture's own coordinates are line (x) and detector element (y), pixel
// edges at whole numbers. Screen coordinates are CSS pixels within the pane, from its top left.

/**
 * @typedef {object} Place
 * @property {[number, number]} focus  picture coordinates at the pane's centre
 * @property {number} zoom             CSS pixels per element
 * @property {number} turns            quarter turns clockwise, 0 to 3
 * @property {boolean} mirror          left and right exchanged before turning
 * @property {'follow'|'fit'|'free'} mode
 *
 * @typedef {{lines: number, pixels: number, aspect: number}} Extent  aspect: width of a line in elements
 * @typedef {{width: number, height: number}} Size
 */

export const ZOOM_MAX = 16;
const ZOOM_MIN = 1 / 64;

/** @returns {Place} */
export const atFirst = () => ({ focus: [0, 0], zoom: 1, turns: 0, mirror: false, mode: 'follow' });

/** @param {{pitch_um: number, line_um: number}} format */
export function aspectOf({ pitch_um: pitch, line_um: line }) {
  const aspect = pitch > 0 && line > 0 ? line / pitch : 1;
  return Math.min(8, Math.max(1 / 8, aspect));
}

/**
 * Rows of the matrix that turns a way in the picture into a way on the screen: `[a, b, c, d]`, x' = a·x + b·y.
 * @param {Place} place
 * @param {number} aspect
 */
export function matrix({ zoom, turns, mirror }, aspect) {
  const across = (mirror ? -1 : 1) * aspect * zoom;
  const [cos, sin] = [[1, 0], [0, 1], [-1, 0], [0, -1]][turns];
  return [cos * across, -sin * zoom, sin * across, cos * zoom];
}

/** @param {Place} place @param {number} aspect @param {Size} size @param {number[]} point */
export function toScreen(place, aspect, size, [x, y]) {
  const [a, b, c, d] = matrix(place, aspect);
  const [dx, dy] = [x - place.focus[0], y - place.focus[1]];
  return [size.width / 2 + a * dx + b * dy, size.height / 2 + c * dx + d * dy];
}

/** @param {Place} place @param {number} aspect @param {Size} size @param {number[]} point */
export function toImage(place, aspect, size, [x, y]) {
  const [a, b, c, d] = matrix(place, aspect);
  const [dx, dy] = [x - size.width / 2, y - size.height / 2];
  const determinant = a * d - b * c;
  return [place.focus[0] + (d * dx - b * dy) / determinant, place.focus[1] + (a * dy - c * dx) / determinant];
}

/** @param {number} zoom */
const bounded = (zoom) => Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, zoom));

/**
 * All of the picture in the pane.
 * @param {Place} place @param {Extent} extent @param {Size} size
 * @returns {Place}
 */
export function fitted(place, extent, size) {
  const { width, height } = turned(place, extent);
  const zoom = bounded(Math.min(size.width / Math.max(1, width), size.height / Math.max(1, height), 4));
  return { ...place, zoom, focus: [extent.lines / 2, extent.pixels / 2], mode: 'fit' };
}

/**
 * The whole detector in the pane, the newest line at its far end once the picture is longer than the pane: the scale
 * stays the same while it grows, and it moves by whole pixels of the screen, so that it can be moved as it was drawn.
 * @param {Place} place @param {Extent} extent @param {Size} size
 * @param {number} [ratio] pixels of the screen to a CSS pixel
 * @returns {Place}
 */
export function followed(place, extent, size, ratio = 1) {
  const [along, over] = place.turns % 2 === 0 ? [size.width, size.height] : [size.height, size.width];
  const zoom = bounded(Math.min(over / Math.max(1, extent.pixels), 4));
  const [line, wide] = [zoom * extent.aspect * ratio, Math.round(along * ratio)];
  const passed = Math.max(0, Math.ceil(extent.lines * line) - wide);
  return { ...place, zoom, focus: [(wide / 2 + passed) / line, extent.pixels / 2], mode: 'follow' };
}

/** @param {Place} place @param {Extent} extent */
function turned({ turns }, { lines, pixels, aspect }) {
  const wide = lines * aspect;
  return turns % 2 === 0 ? { width: wide, height: pixels } : { width: pixels, height: wide };
}

/**
 * Zooms, and leaves what is under `point` where it is.
 * @param {Place} place @param {number} aspect @param {Size} size @param {number} factor @param {number[]} [point]
 * @returns {Place}
 */
export function zoomed(place, aspect, size, factor, point = [size.width / 2, size.height / 2]) {
  const under = toImage(place, aspect, size, point);
  const next = { ...place, zoom: bounded(place.zoom * factor), mode: /** @type {const} */ ('free') };
  const after = toImage(next, aspect, size, point);
  return { ...next, focus: [next.focus[0] + under[0] - after[0], next.focus[1] + under[1] - after[1]] };
}

/**
 * Moves the picture by a way on the screen; its focus never leaves it.
 * @param {Place} place @param {Extent} extent @param {Size} size @param {number} dx @param {number} dy
 * @returns {Place}
 */
export function panned(place, extent, size, dx, dy) {
  const [x, y] = toImage(place, extent.aspect, size, [size.width / 2 - dx, size.height / 2 - dy]);
  const within = (/** @type {number} */ value, /** @type {number} */ most) => Math.min(Math.max(0, most), Math.max(0, value));
  return { ...place, focus: [within(x, extent.lines), within(y, extent.pixels)], mode: 'free' };
}

/** @param {Place} place @returns {Place} */
export const turnedRight = (place) => ({ ...place, turns: (place.turns + 1) % 4 });

/** @param {Place} place @returns {Place} */
export const mirrored = (place) => ({ ...place, mirror: !place.mirror });

/**
 * A length in the picture: millimetres where both spacings are known, else pixels.
 * @param {number[]} from @param {number[]} to @param {{pitch_um: number, line_um: number}} format
 */
export function measured(from, to, { pitch_um: pitch, line_um: line }) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  if (pitch > 0 && line > 0) return { value: Math.hypot(dx * line, dy * pitch) / 1000, unit: 'mm' };
  return { value: Math.hypot(dx, dy), unit: 'px' };
}
