// What an officer is about to say of one image: verdict, marks and note. Everything can be undone until it is sealed.

export const CATEGORIES = ['firearm', 'blade', 'explosive', 'ammunition', 'flammable', 'drugs', 'currency', 'animal_or_plant', 'food', 'electronics', 'undeclared', 'other'];
export const VERDICTS = ['clear', 'alarm', 'unknown'];
/** What the daemon takes of one verdict. */
export const REGIONS_MAX = 100;
export const POINTS_MAX = 100;
export const NOTE_BYTES_MAX = 2000;

/**
 * @typedef {{shape: 'box', x: number, y: number, width: number, height: number}} Box
 * @typedef {{shape: 'polygon', points: [number, number][]}} Polygon
 * @typedef {{view: number, category: string} & (Box | Polygon)} Region
 * @typedef {{verdict: string | null, regions: Region[], note: string}} Said
 * @typedef {{past: Said[], said: Said, future: Said[]}} Draft
 */

/** @returns {Draft} */
export const empty = () => ({ past: [], said: { verdict: null, regions: [], note: '' }, future: [] });

/** @param {Draft} draft @param {Partial<Said>} change @returns {Draft} */
export function changed(draft, change) {
  const said = { ...draft.said, ...change };
  if (JSON.stringify(said) === JSON.stringify(draft.said)) return draft;
  return { past: [...draft.past, draft.said].slice(-200), said, future: [] };
}

/** @param {Draft} draft @returns {Draft} */
export function undone(draft) {
  const before = draft.past.at(-1);
  return before ? { past: draft.past.slice(0, -1), said: before, future: [draft.said, ...draft.future] } : draft;
}

/** @param {Draft} draft @returns {Draft} */
export function redone(draft) {
  const [next, ...future] = draft.future;
  return next ? { past: [...draft.past, draft.said], said: next, future } : draft;
}

/** @param {Draft} draft */
export const isEmpty = ({ said }) => said.verdict === null && said.regions.length === 0 && said.note === '';

/** @param {Draft} draft @param {Region} region @returns {Draft} */
export function marked(draft, region) {
  return draft.said.regions.length >= REGIONS_MAX ? draft : changed(draft, { regions: [...draft.said.regions, region] });
}

/** @param {Draft} draft @param {number} at @param {Region} region @returns {Draft} */
export function remarked(draft, at, region) {
  return changed(draft, { regions: draft.said.regions.map((old, place) => (place === at ? region : old)) });
}

/** @param {Draft} draft @param {number} at @returns {Draft} */
export function unmarked(draft, at) {
  return changed(draft, { regions: draft.said.regions.filter((_, place) => place !== at) });
}

/**
 * A box between two corners in whole pixels of the image, at least one pixel large, or nothing if it lies beside it.
 * @param {number[]} from @param {number[]} to @param {{lines: number, pixels: number}} extent
 * @returns {Box | null}
 */
export function boxBetween(from, to, { lines, pixels }) {
  const [left, right] = span(from[0], to[0], lines);
  const [top, bottom] = span(from[1], to[1], pixels);
  if (right <= left || bottom <= top) return null;
  return { shape: 'box', x: left, y: top, width: right - left, height: bottom - top };
}

/** @param {number} one @param {number} other @param {number} most */
function span(one, other, most) {
  const within = (/** @type {number} */ value) => Math.min(most, Math.max(0, value));
  return [Math.floor(within(Math.min(one, other))), Math.ceil(within(Math.max(one, other)))];
}

/**
 * @param {number[][]} points @param {{lines: number, pixels: number}} extent
 * @returns {Polygon | null} nothing where the corners enclose nothing
 */
export function polygonOf(points, { lines, pixels }) {
  /** @type {[number, number][]} */
  const corners = [];
  for (const [x, y] of points) {
    const corner = /** @type {[number, number]} */ ([whole(x, lines), whole(y, pixels)]);
    const last = corners.at(-1);
    if (!last || last[0] !== corner[0] || last[1] !== corner[1]) corners.push(corner);
  }
  const [first, last] = [corners[0], corners.at(-1)];
  if (corners.length > 1 && first[0] === last?.[0] && first[1] === last[1]) corners.pop();
  return corners.length < 3 || corners.length > POINTS_MAX ? null : { shape: 'polygon', points: corners };
}

/** @param {number} value @param {number} most */
const whole = (value, most) => Math.min(most - 1, Math.max(0, Math.floor(value)));

/**
 * Moves or grows a region by whole pixels, within the image.
 * @param {Region} region @param {{dx?: number, dy?: number, wider?: number, higher?: number}} by
 * @param {{lines: number, pixels: number}} extent
 * @returns {Region}
 */
export function nudged(region, { dx = 0, dy = 0, wider = 0, higher = 0 }, { lines, pixels }) {
  if (region.shape === 'polygon') {
    const moved = region.points.map(([x, y]) => /** @type {[number, number]} */ ([whole(x + dx, lines), whole(y + dy, pixels)]));
    return { ...region, points: moved };
  }
  const width = Math.min(lines, Math.max(1, region.width + wider));
  const height = Math.min(pixels, Math.max(1, region.height + higher));
  const x = Math.min(lines - width, Math.max(0, region.x + dx));
  const y = Math.min(pixels - height, Math.max(0, region.y + dy));
  return { ...region, x, y, width, height };
}

/** @param {Region} region @returns {[number, number][]} its corners, pixel edges at whole numbers */
export function corners(region) {
  if (region.shape === 'polygon') return region.points.map(([x, y]) => [x + 0.5, y + 0.5]);
  const { x, y, width, height } = region;
  return [[x, y], [x + width, y], [x + width, y + height], [x, y + height]];
}

/** The longest beginning of a text that is no more than so many bytes. @param {string} text @param {number} [most] */
export function cutToBytes(text, most = NOTE_BYTES_MAX) {
  let bytes = 0;
  let out = '';
  for (const letter of text) {
    bytes += new TextEncoder().encode(letter).length;
    if (bytes > most) break;
    out += letter;
  }
  return out;
}

/**
 * What the next officer finds: marks and note are the case's, an opinion is its officer's own and is not inherited.
 * @param {Draft} draft @returns {Draft}
 */
export const inherited = ({ said }) => ({ past: [], said: { ...said, verdict: null }, future: [] });

/**
 * The act that seals it.
 * @param {Draft} draft @param {string} inspection @param {{id: string, revision: number}} image the image that was judged
 */
export function judgement({ said }, inspection, image) {
  const note = said.note.trim();
  return {
    verb: 'judge',
    inspection,
    verdict: said.verdict,
    image: { id: image.id, revision: image.revision },
    regions: said.regions,
    ...(note ? { note } : {}),
  };
}
