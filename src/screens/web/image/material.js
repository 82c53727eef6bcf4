// Material classes of dual energy, from the table that the daemon sends (docs/materials.md). The shader and the read-out
// use the same place in it.

export const MATERIAL = `
  return vec3(v);
`;

/** @typedef {{width: number, height: number, data: Uint8Array}} Table */

/** @param {Table | null} table @param {number} low @param {number} high @returns {string | null} */
export function classOf(table, low, high) {
  return table && low && high ? null : null;
}
