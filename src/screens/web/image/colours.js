// Pictures that came coloured: their three planes are red, green and blue as somebody rendered them, and no energies.

import { AIR } from './window.js';

/** Parts of the luminance, ITU-R BT.709. */
export const LUMA = [0.2126, 0.7152, 0.0722];

/** @param {{energies: number, raw: boolean}} format */
export const coloured = ({ energies, raw }) => energies === 3 && !raw;

/** @param {number[]} rgb */
export const luminance = (rgb) => LUMA.reduce((sum, part, at) => sum + part * rgb[at], 0);

/** As a screen counts, 0 to 255. @param {number[]} rgb samples */
export const shades = (rgb) => rgb.map((part) => Math.min(255, Math.round((255 * part) / AIR)));

/** In the shader: hue as it came, as light as the tools made it; what no screen can show pales before it changes its hue. */
export const OWN_COLOUR = `
const vec3 LUMA = vec3(${LUMA.join(', ')});
vec3 own(vec3 came, float light) {
  float luma = dot(came, LUMA);
  if (luma <= 0.0) return vec3(light);
  vec3 rgb = came * (light / luma);
  float most = max(rgb.r, max(rgb.g, rgb.b));
  return most > 1.0 ? mix(vec3(light), rgb, (1.0 - light) / (most - light)) : rgb;
}`;
