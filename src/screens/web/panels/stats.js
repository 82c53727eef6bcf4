// How often the desks of this station agree, and how often that would be chance.

import { el } from '../dom.js';
import { t } from '../words.js';

/** @typedef {import('../desk.js').Desk} Desk */

/** Cohen's kappa in words (Landis and Koch, Biometrics 33, 159, 1977). @param {number} kappa */
export function strength(kappa) {
  const steps = /** @type {const} */ ([[0, 'poor'], [0.2, 'slight'], [0.4, 'fair'], [0.6, 'moderate'], [0.8, 'substantial']]);
  return steps.find(([most]) => kappa <= most)?.[1] ?? 'almost_perfect';
}

/** @param {Desk} desk @param {any} stats */
export function openStats(desk, stats) {
  if (document.getElementById('stats')) return;
  const pairs = stats?.pairs ?? [];
  const percent = (/** @type {any} */ part) => (typeof part === 'number' ? `${(part * 100).toFixed(0)} %` : '–');
  const name = (/** @type {string} */ agency) => desk.store.agencyName(agency);
  const rows = pairs.map((/** @type {any} */ pair) => {
    const [one, other] = pair.agencies ?? [pair.one, pair.other];
    const kappa = typeof pair.kappa === 'number' ? pair.kappa : null;
    return el('tr', {},
      el('td', {}, `${name(one)} – ${name(other)}`),
      el('td', { class: 'number' }, String(pair.count ?? pair.both ?? 0)),
      el('td', { class: 'number' }, percent(pair.agreement ?? pair.raw)),
      el('td', { class: 'number' }, kappa === null ? '–' : kappa.toFixed(2)),
      el('td', {}, kappa === null ? t('stats.too_few') : t(`kappa.${strength(kappa)}`)),
    );
  });
  const head = (/** @type {string} */ key, number = true) => el('th', { scope: 'col', class: number ? 'number' : '' }, t(key));
  const dialog = /** @type {HTMLDialogElement} */ (el('dialog', { id: 'stats', class: 'wide', 'aria-labelledby': 'stats-title' },
    el('h2', { id: 'stats-title' }, t('stats.title')),
    el('p', { class: 'about' }, t('stats.about')),
    rows.length === 0
      ? el('p', { class: 'dim' }, t('stats.empty'))
      : el('table', {}, el('thead', {}, el('tr', {}, head('stats.desks', false), head('stats.count'), head('stats.agreement'), head('stats.kappa'), head('stats.strength', false))), el('tbody', {}, rows)),
    el('div', { class: 'buttons' }, el('button', { class: 'main', onclick: () => dialog.close() }, t('form.close'))),
  ));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
