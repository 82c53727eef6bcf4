// Material classes of dual energy, from the table that the daemon sends: its mapping and the local average are those of
// docs/materials.md, in the shader and in the read-out alike.

import { AIR } from './window.js';

export const CLASSES = ['empty', 'organic', 'mixed', 'inorganic', 'saturated'];
const SIDE = 256;
const DEPTH_MAX = 8;
const RATIO_MAX = 3;
export const REACH = 2;

/** Runs once over the samples that came; what it writes is drawn from until they change. */
export const CLASS_VERTEX = `#version 300 es
void main() {
  gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0);
}`;

export const CLASS_FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
uniform usampler2D u_samples;
uniform sampler2D u_materials;
uniform ivec2 u_rows;     // first and last row with a line
uniform int u_elements;
out uint code;

uvec2 raw(ivec2 place) {  // beyond the edge stands the edge
  ivec2 inside = clamp(place, ivec2(0, u_rows.x), ivec2(u_elements - 1, u_rows.y));
  return uvec2(texelFetch(u_samples, inside, 0).r, texelFetch(u_samples, inside + ivec2(u_elements, 0), 0).r);
}

void main() {
  ivec2 place = ivec2(gl_FragCoord.xy);
  uint middle = raw(place).y;
  uvec2 sum = uvec2(0u);
  uint count = 0u;
  for (int i = -${REACH}; i <= ${REACH}; i++) {
    for (int j = -${REACH}; j <= ${REACH}; j++) {
      uvec2 other = raw(place + ivec2(i, j));
      uint apart = max(other.y, middle) - min(other.y, middle);
      if (apart * 8u > middle + 256u) continue;
      sum += other;
      count++;
    }
  }
  vec2 mean = max(vec2(sum) / float(max(count, 1u)), vec2(1.0));
  vec2 depth = max(log(vec2(${AIR}.0) / mean), vec2(0.0));
  float column = ${SIDE}.0 * sqrt(depth.y / ${DEPTH_MAX}.0);
  float row = depth.y > 0.0 ? ${SIDE}.0 * log2(max(depth.x / depth.y, 1.0)) / ${RATIO_MAX}.0 : 0.0;
  code = uint(texelFetch(u_materials, clamp(ivec2(column, row), 0, ${SIDE - 1}), 0).a * 255.0 + 0.5);
}`;

/** The colour of each class as the table has it, grey for those that are nowhere in it. @param {Table} table */
export function palette({ data }) {
  const colours = new Float32Array(CLASSES.length * 3).fill(0.5);
  for (let at = 0; at < data.length; at += 4) {
    const code = data[at + 3];
    if (code < CLASSES.length) colours.set([data[at] / 255, data[at + 1] / 255, data[at + 2] / 255], code * 3);
  }
  return colours;
}

/** @typedef {{width: number, height: number, data: Uint8Array}} Table */

/** Place of two means in the table: column and row. @param {number} low @param {number} high */
export function cell(low, high) {
  const [a, b] = [low, high].map((mean) => Math.max(0, Math.log(AIR / Math.max(1, mean))));
  const column = SIDE * Math.sqrt(b / DEPTH_MAX);
  const row = b > 0 ? (SIDE * Math.log2(Math.max(1, a / b))) / RATIO_MAX : 0;
  return [column, row].map((place) => Math.min(SIDE - 1, Math.floor(place)));
}

/**
 * The class of one sample.
 * @param {Table | null} table @param {import('./picture.js').Picture} picture
 * @param {number} view @param {number} line @param {number} element
 * @returns {string | null} nothing where colour is not measured
 */
export function classOf(table, picture, view, line, element) {
  if (!table || !picture.format.raw || picture.format.energies !== 2) return null;
  const middle = picture.sample(view, line, element)?.high;
  if (middle === null || middle === undefined) return null;
  let [low, high, count] = [0, 0, 0];
  const [lines, pixels] = [picture.views[view].lines, picture.format.pixels];
  for (let i = -REACH; i <= REACH; i += 1) {
    for (let j = -REACH; j <= REACH; j += 1) {
      const [at, of] = [Math.min(lines - 1, Math.max(0, line + i)), Math.min(pixels - 1, Math.max(0, element + j))];
      const other = picture.sample(view, at, of);
      if (!other || other.high === null || Math.abs(other.high - middle) * 8 > middle + 256) continue;
      low += other.low;
      high += other.high;
      count += 1;
    }
  }
  const [column, row] = cell(low / Math.max(1, count), high / Math.max(1, count));
  return CLASSES[table.data[(row * table.width + column) * 4 + 3]] ?? null;
}
