// Means of square blocks of samples: the surroundings that local contrast compares a sample with. Computed only for the
// blocks that are asked for, and only once as long as their lines stay.

export const BLOCK = 16;

export class BlockMeans {
  /** @param {import('./picture.js').View} view @param {{pixels: number, energies: number}} format */
  constructor(view, { pixels, energies }) {
    this.view = view;
    this.pixels = pixels;
    this.energies = energies;
    this.wide = Math.ceil(pixels / BLOCK);
    /** @type {Map<number, Uint16Array>} by row of blocks */
    this.known = new Map();
  }

  /** Lines changed. @param {number} from @param {number} to */
  forget(from, to) {
    for (let row = Math.floor(from / BLOCK); row * BLOCK < to; row += 1) this.known.delete(row);
  }

  /**
   * Rows of blocks, of each all of the softer energy first.
   * @param {number} from @param {number} to @param {number} element first element @param {number} wide blocks
   */
  rows(from, to, element, wide) {
    const start = Math.floor(element / BLOCK);
    const out = new Uint16Array((to - from) * wide * this.energies);
    for (let row = from; row < to; row += 1) {
      const means = this.row(row);
      for (let energy = 0; energy < this.energies; energy += 1) {
        const begin = energy * this.wide + start;
        out.set(means.subarray(begin, begin + wide), ((row - from) * this.energies + energy) * wide);
      }
    }
    return out;
  }

  /** @param {number} row */
  row(row) {
    const known = this.known.get(row);
    if (known) return known;
    const sums = new Float64Array(this.wide * this.energies);
    let lines = 0;
    for (let index = row * BLOCK; index < (row + 1) * BLOCK; index += 1) {
      const line = this.view.line(index);
      if (!line) continue;
      lines += 1;
      for (let energy = 0; energy < this.energies; energy += 1) {
        for (let element = 0; element < this.pixels; element += 1) {
          sums[energy * this.wide + Math.floor(element / BLOCK)] += line[energy * this.pixels + element];
        }
      }
    }
    const means = new Uint16Array(sums.length);
    for (let at = 0; at < sums.length && lines > 0; at += 1) {
      const block = at % this.wide;
      means[at] = sums[at] / (lines * Math.min(BLOCK, this.pixels - block * BLOCK));
    }
    this.known.set(row, means);
    return means;
  }
}
