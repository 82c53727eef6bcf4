// Window and level: which part of the transmission becomes the range from black to white. Both are parts of air, so 1
// is what comes through where nothing stands in the beam.

export const AIR = 60000;
/** The brightest that a window may reach: above air there is noise. */
export const TOP = 1.09;
export const WIDTH_MIN = 0.005;

/** @typedef {{centre: number, width: number}} Window */

/** @type {Record<string, Window>} */
export const PRESETS = {
  full: { centre: 0.52, width: 1.04 },
  light: { centre: 0.8, width: 0.5 },
  dense: { centre: 0.125, width: 0.25 },
  very_dense: { centre: 0.04, width: 0.08 },
};

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** @param {Window} window @returns {Window} */
export function bounded({ centre, width }) {
  return { centre: clamp(centre, 0, TOP), width: clamp(width, WIDTH_MIN, 2) };
}

/**
 * How bright a transmission is, 0 to 1.
 * @param {Window} window
 * @param {number} transmission
 */
export function brightness({ centre, width }, transmission) {
  return clamp((transmission - centre) / width + 0.5, 0, 1);
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
 * The window between the samples that 0.5 % lie below and 99.5 % below; `null` when there are too few to tell.
 * @param {Iterable<number>} samples  16 bit
 */
export function automatic(samples) {
  const bins = new Uint32Array(1024);
  let count = 0;
  for (const sample of samples) {
    bins[sample >> 6] += 1;
    count += 1;
  }
  if (count < 64) return null;
  const at = (/** @type {number} */ part) => {
    let left = part * count;
    const bin = bins.findIndex((here) => (left -= here) < 0);
    return ((bin < 0 ? 1023 : bin) * 64 + 32) / AIR;
  };
  const [low, high] = [at(0.005), at(0.995)];
  return bounded({ centre: (low + high) / 2, width: Math.max(high - low, 0.02) });
}
