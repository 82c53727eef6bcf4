// Window and level: which part of the grey values becomes the range from black to white. A grey value is 1 in air and 0
// where nothing comes through, and goes with the absorption as docs/materials.md has it for files, so that dense and thin
// parts are seen in one picture. What somebody else rendered keeps its own grey.

export const AIR = 60000;
export const WIDTH_MIN = 0.005;

/** @typedef {{centre: number, width: number}} Window */

/** @type {Record<string, Window>} */
export const PRESETS = {
  full: { centre: 0.5, width: 1 },
  light: { centre: 0.8, width: 0.4 },
  dense: { centre: 0.3, width: 0.5 },
  very_dense: { centre: 0.15, width: 0.3 },
};

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** @param {Window} window @returns {Window} */
export function bounded({ centre, width }) {
  return { centre: clamp(centre, 0, 1), width: clamp(width, WIDTH_MIN, 2) };
}

const DEPTH_MAX = 6;
const POWER = 0.7;

/** In the shader: the grey value of a part of air. */
export const GREY = `1.0 - pow(clamp(-log(max(part, 1e-6)) / ${DEPTH_MAX}.0, 0.0, 1.0), ${POWER})`;

/** The grey value of a sample. @param {number} sample @param {boolean} raw */
export function grey(sample, raw) {
  if (!raw) return sample / AIR;
  return 1 - clamp(-Math.log(Math.max(sample / AIR, 1e-6)) / DEPTH_MAX, 0, 1) ** POWER;
}

/**
 * How bright a grey value is shown, 0 to 1.
 * @param {Window} window
 * @param {number} value
 */
export function brightness({ centre, width }, value) {
  return clamp((value - centre) / width + 0.5, 0, 1);
}

/**
 * A drag: across widens, up brightens, which is a lower centre. In steps of the window's own width, so that a narrow one
 * stays easy to set.
 * @param {Window} window
 * @param {number} across  part of the picture's width on the screen
 * @param {number} up      part of its height
 */
export function dragged({ centre, width }, across, up) {
  return bounded({ width: width * 2 ** (2 * across), centre: centre - up * Math.max(width, 0.1) });
}

/**
 * The window between the grey values that 0.5 % lie below and 99.5 % below; `null` when there are too few to tell.
 * @param {Iterable<number>} values
 */
export function automatic(values) {
  const bins = new Uint32Array(1024);
  let count = 0;
  for (const value of values) {
    bins[Math.floor(clamp(value, 0, 1) * 1023)] += 1;
    count += 1;
  }
  if (count < 64) return null;
  const at = (/** @type {number} */ part) => {
    let left = part * count;
    const bin = bins.findIndex((here) => (left -= here) < 0);
    return (bin < 0 ? 1023 : bin) / 1023;
  };
  const [low, high] = [at(0.005), at(0.995)];
  return bounded({ centre: (low + high) / 2, width: Math.max(high - low, 0.02) });
}
