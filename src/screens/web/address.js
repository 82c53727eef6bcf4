/**
 * A way within these pages, and nowhere else: what stands in an address may be anybody's.
 * @param {string | null} wanted @returns {string | null}
 */
export function within(wanted) {
  return wanted !== null && /^\/desk\/[A-Za-z0-9-]+\/[A-Za-z0-9-]+$/.test(wanted) ? wanted : null;
}
