// What waits for a person, other than the verdict itself, and the stop that everybody has.

import { act } from '../api.js';
import { el, fill } from '../dom.js';
import { t, word } from '../words.js';
import { ask } from './forms.js';

/** @typedef {import('../desk.js').Desk} Desk */

/** Todos that the page can do, each with the act; the others are told. @type {Record<string, (desk: Desk) => void>} */
const DO = {
  resume: (desk) => confirm(desk, 'resume', { verb: 'resume' }),
  confirm_clear: (desk) => confirm(desk, 'confirm_clear', { verb: 'confirm_clear' }),
  confirm_subject: (desk) => confirm(desk, 'confirm_subject', { verb: 'confirm_subject' }),
  identify: (desk) => desk.identify(),
  measure: (desk) => measure(desk),
};

/** What was ordered is told for so long; that nothing was, until it is tried again. */
const STOP_SAID_MS = 20000;

/** Said elsewhere on the page, or part of it. */
const ELSEWHERE = ['judge', 'lift_hold', 'examination_begin', 'examination_arrive', 'examination_open', 'examination_finding', 'examination_close', 'disposition', 'hand_over', 'accept'];

/** @param {HTMLElement} place @param {Desk} desk */
export function drawNext(place, desk) {
  const { store } = desk;
  const mine = (/** @type {any} */ todo) => !todo.agencies?.length || todo.agencies.includes(store.agency);
  const todos = (store.state?.next ?? []).filter((/** @type {any} */ todo) => mine(todo) && !ELSEWHERE.includes(todo.code));
  if (todos.length === 0) return fill(place);
  return fill(place, el('h3', {}, t('next.title')), el('ul', { class: 'rows' }, todos.map((/** @type {any} */ todo, /** @type {number} */ at) => el('li', { class: 'row' },
    el('span', { title: todo.text }, nextWord(todo)),
    DO[todo.code] && el('button', { class: 'small', id: `next-${todo.code}-${at}`, disabled: !store.live, onclick: () => DO[todo.code](desk) }, t('next.do')),
  ))));
}

/** @param {{code: string, text: string}} todo */
function nextWord({ code, text }) {
  const ours = word('next', code);
  return ours === code ? text : ours;
}

/** @param {Desk} desk @param {string} code @param {object} wanted */
async function confirm(desk, code, wanted) {
  const reply = await ask({ title: t('next.title'), about: word('next', code), fields: [], submit: t('form.record'), send: () => act(wanted) });
  if (reply) desk.told(reply.message || t('examination.recorded'));
}

/** @param {Desk} desk */
function measure(desk) {
  const inspection = desk.subject?.id;
  if (!inspection) return;
  ask({
    title: t('measure.title'),
    about: desk.nameOf(desk.subject),
    fields: [{ name: 'celsius', label: t('measure.celsius'), kind: 'number' }, { name: 'instrument', label: t('measure.instrument') }],
    submit: t('form.record'),
    send: ({ celsius, instrument }) => act({ verb: 'temperature', inspection, celsius: Number(String(celsius).replace(',', '.')), instrument }),
  });
}

/** @param {Desk} desk */
export async function stop(desk) {
  const reply = await act({ verb: 'stop' });
  const text = reply.ok ? t('stop.done') : reply.message;
  desk.told(text);
  desk.notice = { text, ok: reply.ok, until: reply.ok ? performance.now() + STOP_SAID_MS : Infinity };
  desk.draw();
}

/** @param {HTMLElement} place @param {Desk} desk */
export function drawTold(place, { notice }) {
  return fill(place, notice && el('p', { class: notice.ok ? 'told' : 'refusal' }, notice.text));
}
