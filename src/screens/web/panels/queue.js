// Who waits: every subject under way, how long it has left, and whether this desk is asked.

import { el, fill } from '../dom.js';
import { clockLeft, t, word } from '../words.js';
import { shortId, urgency } from './subject.js';

/** @typedef {import('../desk.js').Desk} Desk */

/** @param {HTMLElement} place @param {Desk} desk */
export function drawQueue(place, desk) {
  const { store, subject } = desk;
  const subjects = inOrder(store);
  const waiting = desk.waiting().length;
  fill(place,
    el('h2', {}, t('queue.title', { count: subjects.length }), el('span', {}, waiting > 0 ? t('queue.waiting', { count: waiting }) : t('queue.none_waits'))),
    subjects.length === 0 && el('p', { class: 'dim' }, t('queue.empty')),
    el('div', { class: 'shelf' }, subjects.map((/** @type {any} */ one) => {
      const asks = store.waits(one);
      return el('button', {
        id: `subject-${one.id}`,
        'aria-pressed': String(one.id === subject?.id),
        'data-subject': one.id,
        onclick: () => desk.select(one.id),
      },
      el('span', { class: 'line' }, el('span', { class: 'name' }, one.identity ?? shortId(one.id).slice(-6)), el('span', { class: 'time mono' })),
      el('span', { class: asks ? '' : 'dim' }, asks ? t('queue.asks') : word('step', one.step)),
      el('span', { class: 'bar' }, el('span')),
      );
    })),
  );
  tickQueue(desk);
}

/** Those that wait for this desk first, then those under way, then those that others or the officers at the examination have. */
const LATER = ['reviewing', 'awaiting_picture', 'awaiting_scan', 'unidentified', 'held'];

/** @param {import('../store.js').Store} store @returns {any[]} */
export function inOrder(store) {
  const rank = (/** @type {any} */ one) => (store.waits(one) ? -1 : LATER.includes(one.step) ? LATER.indexOf(one.step) : LATER.length);
  return [...store.subjects].sort((one, other) => rank(one) - rank(other));
}

/** @param {Desk} desk */
export function tickQueue({ store }) {
  for (const subject of store.subjects) {
    const button = document.getElementById(`subject-${subject.id}`);
    if (!button) continue;
    const left = store.left(subject);
    const whole = subject.timeout_ms || left || 1;
    const [time, bar] = /** @type {HTMLElement[]} */ ([button.querySelector('.time'), button.querySelector('.bar')]);
    time.textContent = left === null ? '' : clockLeft(left);
    bar.hidden = left === null;
    button.classList.remove('warn', 'bad');
    if (left === null) continue;
    const urgent = urgency(left, whole);
    if (urgent) button.classList.add(urgent);
    /** @type {HTMLElement} */ (bar.firstElementChild).style.width = `${Math.min(100, (100 * left) / whole).toFixed(1)}%`;
  }
}
