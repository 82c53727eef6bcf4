// How a picture is shown: one plain value, changed by small steps. Nothing of it touches the samples.

import { coloured } from './colours.js';
import { PRESETS, bounded, dragged } from './window.js';

/**
 * @typedef {object} Tools
 * @property {'both'|'low'|'high'} energy        which energy gives the brightness
 * @property {'grey'|'material'|'hot'|'rainbow'} scheme
 * @property {boolean} invert
 * @property {'all'|'organic'|'inorganic'} only  materials that keep their colour
 * @property {'normal'|'low'|'high'} penetration
 * @property {number} edge                       0 off to 3
 * @property {number} contrast                   0 off to 3
 * @property {boolean} smooth
 * @property {import('./window.js').Window} window
 *
 * @typedef {object} Can  what the picture allows
 * @property {number} energies  3 and not raw: the colours of somebody who rendered it
 * @property {boolean} raw
 * @property {boolean} [table]  whether the machine is calibrated for materials; nothing: it is
 */

/** @type {Readonly<Tools>} */
export const PLAIN = Object.freeze({
  energy: 'both',
  scheme: 'material', // what the picture measured, or its own colours; grey where it has none
  invert: false,
  only: 'all',
  penetration: 'normal',
  edge: 0,
  contrast: 0,
  smooth: true,
  window: PRESETS.full,
});

/** Low penetration looks at what hardly stops the soft beam, high at what stops nearly all of the hard one. */
const PENETRATION = {
  normal: { energy: 'both', window: PRESETS.full },
  low: { energy: 'low', window: { centre: 0.8, width: 0.4 } },
  high: { energy: 'high', window: { centre: 0.28, width: 0.5 } },
};

/**
 * Colour is what two energies measured. One energy has none, and what somebody else rendered is not measured: where it came
 * coloured it keeps its own.
 * @param {Can | null} can
 * @returns {string | null} key of the reason why there is none
 */
export function whyNoColour(can) {
  if (!can) return 'why.no_image';
  if (!can.raw) return 'why.rendered';
  return can.energies !== 2 ? 'why.single_energy' : null;
}

/**
 * @param {string} tool
 * @param {Can | null} can
 * @returns {string | null} key of the reason why the tool cannot be used on the picture
 */
export function whyNot(tool, can) {
  if (!can) return 'why.no_image';
  if (tool === 'material' && coloured(can)) return null;
  if (['hot', 'rainbow'].includes(tool)) return whyNoColour(can);
  if (['material', 'organic', 'inorganic'].includes(tool)) return whyNoColour(can) ?? (can.table === false ? 'why.no_table' : null);
  if (tool === 'energy' && can.energies !== 2) return coloured(can) ? 'why.rendered' : 'why.single_energy';
  if (tool === 'low_penetration' || tool === 'high_penetration') return can.raw ? null : 'why.rendered';
  return null;
}

/**
 * What is really drawn: tools that the picture does not allow are left out, and come back with the next one that does.
 * @param {Tools} tools
 * @param {Can} can
 * @returns {Tools}
 */
export function allowed(tools, can) {
  const usable = whyNot(tools.scheme, can) === null;
  return {
    ...tools,
    scheme: usable ? tools.scheme : 'grey',
    only: usable && tools.scheme === 'material' && !coloured(can) ? tools.only : 'all',
    energy: can.energies === 2 ? tools.energy : 'low',
  };
}

const ENERGIES = /** @type {const} */ (['both', 'low', 'high']);

/**
 * @param {Tools} tools
 * @param {string} name
 * @param {any} [value]
 * @returns {Tools}
 */
export function stepped(tools, name, value) {
  switch (name) {
    case 'grey':
      return { ...tools, scheme: 'grey', only: 'all' };
    case 'material':
    case 'hot':
    case 'rainbow':
      return { ...tools, scheme: tools.scheme === name ? 'grey' : name, only: 'all' };
    case 'organic':
    case 'inorganic':
      return { ...tools, scheme: 'material', only: tools.only === name ? 'all' : name };
    case 'invert':
      return { ...tools, invert: !tools.invert };
    case 'energy':
      return { ...tools, energy: ENERGIES[(ENERGIES.indexOf(tools.energy) + 1) % ENERGIES.length], penetration: 'normal' };
    case 'low_penetration':
      return penetrating(tools, 'low');
    case 'high_penetration':
      return penetrating(tools, 'high');
    case 'edge':
      return { ...tools, edge: (tools.edge + 1) % 4 };
    case 'contrast':
      return { ...tools, contrast: (tools.contrast + 1) % 4 };
    case 'smooth':
      return { ...tools, smooth: !tools.smooth };
    case 'preset':
      return { ...tools, penetration: 'normal', window: PRESETS[value] ?? tools.window };
    case 'window':
      return { ...tools, penetration: 'normal', window: bounded(value) };
    case 'drag':
      return { ...tools, penetration: 'normal', window: dragged(tools.window, value.across, value.up) };
    case 'plain':
      return PLAIN;
    default:
      throw new Error(`no tool ${name}`);
  }
}

/** @param {Tools} tools @param {'low'|'high'} wanted @returns {Tools} */
function penetrating(tools, wanted) {
  const penetration = tools.penetration === wanted ? 'normal' : wanted;
  return { ...tools, penetration, .../** @type {any} */ (PENETRATION[penetration]) };
}
