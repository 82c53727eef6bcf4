// Holds: who stops the subject and why. Only the agency that placed one lifts it.

import { act } from '../api.js';
import { el, fill } from '../dom.js';
import { t, word } from '../words.js';
import { ask } from './forms.js';

/** @typedef {import('../desk.js').Desk} Desk */

/** @param {HTMLElement} place @param {Desk} desk */
export function drawHolds(place, desk) {
  const { subject, store } = desk;
  if (!subject) return fill(place);
  const holds = subject.holds ?? [];
  const mine = holds.some((/** @type {any} */ hold) => hold.agency === store.agency);
  return fill(place,
    el('h3', {}, t('holds.title'),
      !mine && el('button', { class: 'small', id: 'place-hold', disabled: !store.live, onclick: () => placeHold(desk) }, t('holds.place'))),
    holds.length === 0 && el('p', { class: 'dim' }, t('holds.none')),
    el('ul', { class: 'rows' }, holds.map((/** @type {any} */ hold) => el('li', { class: 'row' },
      el('span', {}, el('span', { class: 'chip bad' }, store.agencyName(hold.agency)), ' ',
        el('span', { class: 'dim' }, (hold.reasons ?? []).map((/** @type {any} */ reason) => word('reason', typeof reason === 'string' ? reason : reason.code ?? reason.text)).join('; '))),
      hold.agency === store.agency && el('button', { class: 'small', id: 'lift-hold', disabled: !store.live, onclick: () => liftHold(desk) }, t('holds.lift')),
    ))),
  );
}

/** @param {Desk} desk */
export async function placeHold(desk) {
  const inspection = desk.subject?.id;
  if (!inspection) return;
  const reply = await ask({
    title: t('holds.place_title'),
    about: t('holds.place_about', { subject: desk.nameOf(desk.subject) }),
    fields: [{ name: 'reason', label: t('holds.reason'), kind: 'area' }],
    submit: t('holds.place'),
    send: ({ reason }) => act({ verb: 'place_hold', inspection, reason }),
  });
  if (reply) desk.told(t('holds.placed'));
}

/** @param {Desk} desk */
async function liftHold(desk) {
  const inspection = desk.subject?.id;
  if (!inspection) return;
  const reply = await ask({
    title: t('holds.lift_title'),
    about: t('holds.lift_about', { subject: desk.nameOf(desk.subject) }),
    fields: [{ name: 'reason', label: t('holds.reason'), kind: 'area' }],
    submit: t('holds.lift'),
    send: ({ reason }) => act({ verb: 'lift_hold', inspection, reason }),
  });
  if (reply) desk.told(t('holds.lifted'));
}
