// How long a line takes from its arrival to the frame that shows it, and a tool from the touch to its frame. Kept as
// performance measures `portside.line` and `portside.tool`, the last thousand of each.

const KEPT = 1000;

export class Timings {
  constructor() {
    /** @type {Map<string, number>} the oldest that waits for a frame */
    this.waiting = new Map();
    /** @type {Record<string, number>} */
    this.counts = { line: 0, tool: 0 };
  }

  /** @param {'line'|'tool'} what @param {number} since */
  begin(what, since) {
    if (!this.waiting.has(what)) this.waiting.set(what, since);
  }

  end() {
    const end = performance.now();
    for (const [what, start] of this.waiting) {
      if ((this.counts[what] += 1) % KEPT === 0) performance.clearMeasures(`portside.${what}`);
      performance.measure(`portside.${what}`, { start, end });
    }
    this.waiting.clear();
  }
}
