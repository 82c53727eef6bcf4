// Joint examination: one opening with every called agency present, each with its own finding, disposition and hand-over.
//
//   held ──begin──► called ──all there, one opens──► opened ──each found and closed──► ended

import { act } from '../api.js';
import { CATEGORIES } from '../draft.js';
import { el, fill } from '../dom.js';
import { t, word } from '../words.js';
import { ask } from './forms.js';

/** @typedef {import('../desk.js').Desk} Desk */

export const DISPOSITIONS = ['release_to_owner', 'detain', 'return', 'quarantine_treatment', 'transfer', 'tax', 'destroy', 'warn'];

/**
 * What this agency can do at the examination, in the order of the work. The daemon decides; this only keeps buttons away
 * that it would refuse for sure.
 * @param {any} subject @param {string} agency @returns {string[]}
 */
export function offered(subject, agency) {
  const { examination = null, holds = [], desks = [] } = subject;
  const handed = examination?.handed_over ?? [];
  const holding = holds.some((/** @type {any} */ hold) => hold.agency === agency);
  const doubting = desks.some((/** @type {any} */ desk) => desk.agency === agency && ['alarm', 'unknown'].includes(desk.standing));
  const part = examination?.parties?.find((/** @type {any} */ party) => party.agency === agency);
  const stage = examination?.stage ?? null;
  const called = examination?.called?.includes(agency) ?? holding;
  const found = part?.found ?? null;
  const accepted = handed.some((/** @type {any} */ one) => one.to === agency && one.accepted);
  return [
    subject.step === 'held' && (stage === null || stage === 'called') && (holding || doubting) && !part && 'begin',
    (stage === 'called' || stage === 'opened') && called && !part && 'arrive',
    stage === 'called' && part && (examination.missing ?? []).length === 0 && 'open',
    stage === 'opened' && part && !part.closed && 'finding',
    stage === 'opened' && part && !part.closed && found && 'close',
    (found || accepted) && 'disposition',
    found && found !== 'nothing' && !handed.some((/** @type {any} */ one) => one.from === agency) && 'hand_over',
    ...handed.filter((/** @type {any} */ one) => one.to === agency && !one.accepted).map((/** @type {any} */ one) => `accept:${one.from}`),
  ].filter((what) => typeof what === 'string');
}

/** @param {HTMLElement} place @param {Desk} desk */
export function drawExamination(place, desk) {
  const { subject, store } = desk;
  if (!subject) return fill(place);
  const offers = offered(subject, store.agency);
  const { examination = null } = subject;
  if (!examination && offers.length === 0) return fill(place);
  const { dispositions = [], handed_over: handed = [] } = examination ?? {};
  const name = (/** @type {string} */ agency) => store.agencyName(agency);
  const parties = examination?.parties ?? [];
  const missing = examination?.missing ?? [];
  return fill(place,
    el('h3', {}, t('examination.title'), examination && el('span', { class: 'chip own' }, word('stage', examination.stage))),
    missing.length > 0 && el('p', { class: 'dim' }, t('examination.missing', { agencies: missing.map(name).join(t('list.comma')) })),
    el('ul', { class: 'rows' },
      parties.map((/** @type {any} */ party) => el('li', { class: 'row' },
        el('span', {}, name(party.agency), ' ', el('span', { class: 'dim' }, party.officer ?? '')),
        el('span', { class: `chip ${party.found === 'nothing' ? 'good' : party.found ? 'bad' : ''}` }, party.found ? foundWord(party.found) : t('examination.there')),
      )),
      dispositions.map((/** @type {any} */ one) => el('li', { class: 'row' }, el('span', {}, name(one.agency)), el('span', { class: 'chip' }, word('disposition', one.disposition)))),
      handed.map((/** @type {any} */ one) => el('li', { class: 'row' },
        el('span', {}, t('examination.handed', { from: name(one.from), to: name(one.to) }), ' ', el('span', { class: 'dim' }, word('category', one.found))),
        el('span', { class: `chip ${one.accepted ? 'good' : 'warn'}` }, t(one.accepted ? 'examination.accepted' : 'examination.pending')),
      )),
    ),
    el('div', { class: 'beside' }, offers.map((what) => {
      const [verb, from] = what.split(':');
      const label = from ? t('examination.accept', { from: name(from) }) : t(`examination.${verb}`);
      return el('button', { id: `examination-${what}`, disabled: !store.live, onclick: () => ACTS[verb](desk, from) }, label);
    })),
  );
}

/** @param {string} found */
const foundWord = (found) => (found === 'nothing' ? t('found.nothing') : word('category', found));

/** @type {() => import('./forms.js').Field} */
const note = () => ({ name: 'note', label: t('examination.note'), kind: 'area', optional: true });

/** @param {Desk} desk @param {Partial<Parameters<typeof ask>[0]> & {title: string}} question @param {(values: Record<string, any>) => object} make */
async function done(desk, question, make) {
  const inspection = desk.subject?.id;
  const reply = await ask({
    fields: [],
    submit: question.title,
    about: desk.nameOf(desk.subject),
    ...question,
    send: (values) => act({ inspection, ...(values.note ? { note: values.note } : {}), ...make(values) }),
  });
  if (reply) desk.told(t('examination.recorded'));
}

/** @type {Record<string, (desk: Desk, from?: string) => void>} */
const ACTS = {
  begin(desk) {
    const others = desk.agencies().filter((agency) => agency.id !== desk.store.agency);
    const options = others.map(({ id, name }) => ({ value: id, label: name }));
    const fields = [{ name: 'with', label: t('examination.with'), kind: /** @type {const} */ ('checks'), options, optional: true }, note()];
    done(desk, { title: t('examination.begin'), fields }, (values) => ({ verb: 'examination_begin', with: values.with }));
  },
  arrive: (desk) => void done(desk, { title: t('examination.arrive') }, () => ({ verb: 'examination_arrive' })),
  open: (desk) => void done(desk, { title: t('examination.open') }, () => ({ verb: 'examination_open' })),
  finding(desk) {
    const options = ['nothing', ...CATEGORIES].map((value) => ({ value, label: foundWord(value) }));
    const fields = [{ name: 'found', label: t('examination.found'), kind: /** @type {const} */ ('select'), options }, note()];
    done(desk, { title: t('examination.finding'), fields }, ({ found }) => ({ verb: 'examination_finding', found }));
  },
  close: (desk) => void done(desk, { title: t('examination.close') }, () => ({ verb: 'examination_close' })),
  disposition(desk) {
    const options = DISPOSITIONS.map((value) => ({ value, label: word('disposition', value) }));
    const mine = (desk.subject?.examination?.dispositions ?? []).filter((/** @type {any} */ one) => one.agency === desk.store.agency);
    const wrong = [{ value: '', label: t('examination.nothing_wrong') }, ...mine.map((/** @type {any} */ one) => ({ value: one.disposition, label: word('disposition', one.disposition) }))];
    const fields = [
      { name: 'disposition', label: t('examination.disposition'), kind: /** @type {const} */ ('select'), options },
      ...(mine.length > 0 ? [{ name: 'instead_of', label: t('examination.instead_of'), kind: /** @type {const} */ ('select'), options: wrong, optional: true }] : []),
      note(),
    ];
    done(desk, { title: t('examination.disposition'), fields }, (values) => ({
      verb: 'disposition', disposition: values.disposition, ...(values.instead_of ? { instead_of: values.instead_of } : {}),
    }));
  },
  hand_over(desk) {
    const options = desk.agencies().filter((agency) => agency.id !== desk.store.agency).map(({ id, name }) => ({ value: id, label: name }));
    const fields = [{ name: 'to', label: t('examination.to'), kind: /** @type {const} */ ('select'), options }, note()];
    done(desk, { title: t('examination.hand_over'), fields }, ({ to }) => ({ verb: 'hand_over', to }));
  },
  accept: (desk, from) => void done(desk, { title: t('examination.accept', { from: desk.store.agencyName(from ?? '') }) }, () => ({ verb: 'accept', from })),
};
