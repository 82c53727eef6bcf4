// Who is judged: the subject, the time that is left, the desks, and what is known of it.

import { el, fill } from '../dom.js';
import { clockLeft, t, word } from '../words.js';

/** @typedef {import('../desk.js').Desk} Desk */

/** How urgent a time is: calm, then amber below a third, red below the last ten seconds or a tenth. @param {number} left @param {number} whole */
export function urgency(left, whole) {
  if (left <= Math.max(10000, whole / 10)) return 'bad';
  return left <= whole / 3 ? 'warn' : '';
}

/** Text of an id that people can read out. @param {string} id */
export const shortId = (id) => (id.length > 13 ? id.slice(0, 13) : id);

/** @param {HTMLElement} place @param {Desk} desk */
export function drawSubject(place, desk) {
  const { subject } = desk;
  if (!subject) {
    fill(place, el('p', { class: 'identity none' }, t('subject.none')), el('p', { class: 'dim' }, t('subject.none_more')));
    return;
  }
  const identify = subject.step !== 'released' && subject.step !== 'passing';
  fill(place,
    el('div', { class: 'row' },
      el('p', { class: subject.identity ? 'identity' : 'identity none' }, subject.identity ?? t('subject.unidentified')),
      el('span', { class: `chip ${tone(subject.step)}` }, word('step', subject.step), subject.at && ` · ${word('place', subject.at)}`),
    ),
    el('div', { class: 'row dim' },
      el('span', { class: 'mono', title: subject.id }, t('subject.inspection', { id: shortId(subject.id) })),
      identify && el('button', { class: 'small', id: 'identify', onclick: () => desk.identify() }, t(subject.identity ? 'subject.rename' : 'subject.identify')),
    ),
    el('div', { class: 'left', id: 'left', role: 'timer', hidden: true },
      el('div', { class: 'left-words' }, el('span', {}, t(subject.step === 'reviewing' ? 'subject.left' : 'subject.left_step')), el('b', { id: 'left-time' })),
      el('div', { class: 'bar' }, el('span', { id: 'left-bar' })),
    ),
  );
  tickSubject(desk);
}

/** The time that is left, once a second. @param {Desk} desk */
export function tickSubject({ subject, store }) {
  const box = document.getElementById('left');
  if (!box) return;
  const left = store.left(subject);
  box.hidden = left === null;
  if (left === null) return;
  const whole = subject.timeout_ms || left || 1;
  box.className = `left ${urgency(left, whole)}`;
  /** @type {HTMLElement} */ (document.getElementById('left-time')).textContent = clockLeft(left);
  /** @type {HTMLElement} */ (document.getElementById('left-bar')).style.width = `${Math.min(100, (100 * left) / whole).toFixed(1)}%`;
}

/** @param {string} step */
function tone(step) {
  if (step === 'held') return 'bad';
  if (step === 'released' || step === 'passing') return 'good';
  return step === 'reviewing' ? 'own' : '';
}

const STANDING = { waiting: '', given: 'own', hidden: '', clear: 'good', alarm: 'bad', unknown: 'unsure', not_reviewed: 'warn' };

/** @param {HTMLElement} place @param {Desk} desk */
export function drawDesks(place, { subject, store }) {
  if (!subject) return fill(place);
  return fill(place, el('h3', {}, t('desks.title')), el('ul', { class: 'rows' }, (subject.desks ?? []).map((/** @type {any} */ one) => {
    const own = one.agency === store.agency;
    const standing = own && subject.mine?.verdict ? subject.mine.verdict : one.standing;
    const tone = /** @type {Record<string, string>} */ (STANDING)[standing] ?? '';
    return el('li', { class: 'row' },
      el('span', {}, one.name ?? one.agency, el('span', { class: 'dim' }, ` ${own ? t('desks.own') : ''} ${one.role === 'advisory' ? t('desks.advisory') : ''}`)),
      el('span', { class: `chip ${tone}` }, word('standing', standing)),
    );
  })));
}

/** @param {HTMLElement} place @param {Desk} desk */
export function drawPapers(place, { subject }) {
  if (!subject) return fill(place);
  const { permit = null, orders = [], radiation = null, temperature = null } = subject.facts ?? {};
  const doubts = subject.doubts ?? [];
  const line = (/** @type {string} */ name, /** @type {any} */ said) => el('div', { class: 'row' }, el('dt', { class: 'dim' }, name), el('dd', {}, said));
  const empty = (/** @type {string} */ key) => el('span', { class: 'dim' }, t(key));
  return fill(place, el('h3', {}, t('papers.title')), el('dl', { class: 'rows' },
    line(t('papers.permit'), permit ? described(permit) : empty('papers.no_permit')),
    line(t('papers.orders'), orders.length > 0 ? el('span', { class: 'chip warn' }, orders.map(described).join('; ')) : empty('papers.no_orders')),
    radiation && line(t('papers.radiation'), el('span', { class: `chip ${radiation === 'alarm' ? 'bad' : ''}` }, word('radiation', radiation))),
    temperature && line(t('papers.temperature'), word('temperature', temperature)),
    doubts.length > 0 && line(t('papers.doubts'), el('span', { class: 'chip warn' }, doubts.map((/** @type {string} */ doubt) => word('doubt', doubt)).join('; '))),
  ));
}

/** What the centre sent, whatever it holds, as text. @param {any} fact */
function described(fact) {
  if (typeof fact !== 'object' || fact === null) return String(fact);
  return String(fact.text ?? fact.number ?? fact.id ?? Object.values(fact).join(' '));
}
