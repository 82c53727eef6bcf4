// The list of what is marked: every mark can be named, moved and taken away with keys alone.

import { CATEGORIES, nudged, remarked, unmarked } from '../draft.js';
import { el, fill } from '../dom.js';
import { t, word } from '../words.js';
import { extentOf } from '../image/stage.js';

/** @typedef {import('../desk.js').Desk} Desk */

/** @param {HTMLElement} place @param {Desk} desk */
export function drawMarks(place, desk) {
  const { subject, stage } = desk;
  if (!subject) return fill(place);
  const sealed = desk.sealed();
  /** @type {import('../draft.js').Region[]} */
  const regions = sealed ? sealed.regions ?? [] : desk.draft.said.regions;
  return fill(place,
    el('h3', {}, t('marks.title', { count: regions.length })),
    regions.length === 0 && el('p', { class: 'dim' }, t(sealed ? 'marks.none' : 'marks.how')),
    el('ul', { class: 'marks-list' }, regions.map((region, at) => {
      const name = t('marks.name', { number: at + 1, category: word('category', region.category) });
      const options = CATEGORIES.map((category) => el('option', { value: category, selected: category === region.category }, word('category', category)));
      return el('li', { class: 'mark-row' },
        el('button', {
          id: `mark-${at}`,
          'aria-label': t('marks.choose', { name }),
          'aria-pressed': String(stage.overlay.chosen === at),
          title: t('marks.keys'),
          onclick: () => desk.choose(at),
          onfocus: () => desk.choose(at),
          onkeydown: sealed ? null : (event) => moved(desk, at, /** @type {KeyboardEvent} */ (event)),
        }, String(at + 1)),
        sealed
          ? el('span', {}, word('category', region.category))
          : el('select', {
            id: `mark-category-${at}`,
            'aria-label': t('marks.category', { number: at + 1 }),
            onchange: (event) => desk.change(remarked(desk.draft, at, { ...region, category: /** @type {HTMLSelectElement} */ (event.target).value })),
          }, options),
        sealed
          ? el('span')
          : el('button', { id: `mark-delete-${at}`, 'aria-label': t('marks.delete', { name }), onclick: () => desk.change(unmarked(desk.draft, at)) }, '✕'),
      );
    })),
    stage.overlay.shared.map(({ name, regions: theirs }) => el('p', { class: 'dim' }, `${t('marks.shared', { agency: name })}: ${theirs.map((region) => word('category', region.category)).join(t('list.comma'))}`)),
  );
}

const WAYS = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });

/** @param {Desk} desk @param {number} at @param {KeyboardEvent} event */
function moved(desk, at, event) {
  const region = desk.draft.said.regions[at];
  const picture = desk.stage.main;
  if (event.key === 'Delete' || event.key === 'Backspace') {
    event.preventDefault();
    desk.change(unmarked(desk.draft, at));
    return;
  }
  const way = WAYS[event.key];
  if (!way || !picture || !region || event.ctrlKey || event.altKey) return;
  event.preventDefault();
  const pane = desk.stage.pane;
  const far = Math.max(1, Math.round(6 / (pane?.place.zoom ?? 1)));
  const [x, y] = way.map((part) => part * far);
  const by = event.shiftKey ? { wider: x, higher: y } : { dx: x, dy: y };
  desk.change(remarked(desk.draft, at, nudged(region, by, extentOf(picture))));
}
