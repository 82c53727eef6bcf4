// Which point of a picture each pixel of the screen shows. Everything is counted in whole pixels of the screen from the
// place of the picture's own corner, so that a picture that moved by whole pixels is, pixel for pixel, what a new drawing
// would be, and what is still in sight can be moved instead of drawn again.

import { aspectOf, matrix, toScreen } from './place.js';

/** Places finer than this part of a pixel are the same place: it keeps them exact in the shader's floats. */
const FINEST = 256;

/**
 * @typedef {{x: number, y: number, width: number, height: number}} Box  pixels of the screen, from the canvas's top left
 * @typedef {object} Raster
 * @property {Box} port       all of the pane
 * @property {number[]} zero  where the picture's corner stands, pixels of the screen from the canvas's top left
 * @property {number[]} back  rows of the matrix from pixels of the screen, y down, to lines and elements
 */

/** @param {Box} rect CSS pixels @param {number} ratio @returns {Box} */
export function boxOf({ x, y, width, height }, ratio) {
  const [left, top] = [Math.round(x * ratio), Math.round(y * ratio)];
  return { x: left, y: top, width: Math.round(width * ratio), height: Math.round(height * ratio) };
}

/**
 * @param {import('./gl.js').Pane} pane
 * @param {number} ratio  pixels of the screen to a CSS pixel
 * @returns {Raster}
 */
export function rasterOf({ rect, place, picture }, ratio) {
  const port = boxOf(rect, ratio);
  const [a, b, c, d] = matrix(place, aspectOf(picture.format)).map((part) => part * ratio);
  const [x, y] = place.focus;
  const zero = [port.x + port.width / 2 - (a * x + b * y), port.y + port.height / 2 - (c * x + d * y)];
  const determinant = a * d - b * c;
  return {
    port,
    zero: zero.map((place) => Math.round(place * FINEST) / FINEST),
    back: [d / determinant, -b / determinant, -c / determinant, a / determinant],
  };
}

/**
 * How far a picture moved; nothing where it is no whole number of pixels.
 * @param {number[]} before @param {number[]} after where its corner stood and stands
 */
export function moved(before, after) {
  const way = [after[0] - before[0], after[1] - before[1]];
  return way.every(Number.isInteger) ? way : null;
}

/** What is in sight before and after a move, where it stands after it. @param {Box} port @param {number[]} way @returns {Box} */
export function kept({ x, y, width, height }, [dx, dy]) {
  return { x: x + Math.max(0, dx), y: y + Math.max(0, dy), width: Math.max(0, width - Math.abs(dx)), height: Math.max(0, height - Math.abs(dy)) };
}

/** What comes into sight by a move. @param {Box} port @param {number[]} way @returns {Box[]} */
export function exposed(port, [dx, dy]) {
  const { x, y, width, height } = port;
  const [wide, high] = [Math.min(width, Math.abs(dx)), Math.min(height, Math.abs(dy))];
  const beside = { x: dx > 0 ? x : x + width - wide, y, width: wide, height };
  const over = { x, y: dy > 0 ? y : y + height - high, width, height: high };
  return [beside, over].filter((box) => box.width > 0 && box.height > 0);
}

/**
 * The part of a pane where lines stand, and what filters carry over its edges.
 * @param {import('./gl.js').Pane} pane @param {number} ratio @param {Box} port
 * @param {number[]} range lines @param {number} reach of the filters, lines
 * @returns {Box}
 */
export function strip({ place, rect, picture }, ratio, port, [from, to], reach) {
  const aspect = aspectOf(picture.format);
  const corners = [[from - reach, 0], [to + reach, picture.format.pixels]].map((corner) => toScreen(place, aspect, rect, corner));
  const span = (/** @type {number} */ axis, /** @type {number} */ most) => {
    const ends = corners.map((corner) => corner[axis] * ratio);
    // A pixel more at each end: how the pane itself was rounded.
    return [Math.max(0, Math.floor(Math.min(...ends)) - 1), Math.min(most, Math.ceil(Math.max(...ends)) + 1)];
  };
  const [[left, right], [top, bottom]] = [span(0, port.width), span(1, port.height)];
  return { x: port.x + left, y: port.y + top, width: right - left, height: bottom - top };
}

/** Boxes that hold something, without those that lie in another. @param {Box[]} boxes */
export function outermost(boxes) {
  const real = boxes.filter((box) => box.width > 0 && box.height > 0);
  return real.filter((box, at) => !real.some((other, place) => place !== at && holds(other, box) && (place < at || !holds(box, other))));
}

/** @param {Box} outer @param {Box} inner */
function holds(outer, inner) {
  return outer.x <= inner.x && outer.y <= inner.y
    && outer.x + outer.width >= inner.x + inner.width && outer.y + outer.height >= inner.y + inner.height;
}
