// How often the desks of this station agree, and how often that would be chance.

import { el } from '../dom.js';
import { t } from '../words.js';

/** @typedef {import('../desk.js').Desk} Desk */

/** Cohen's kappa in words (Landis and Koch, Biometrics 33, 159, 1977). @param {number} kappa */
export function strength(kappa) {
  if (kappa < 0) return 'poor';
  const steps = /** @type {const} */ ([[0.2, 'slight'], [0.4, 'fair'], [0.6, 'moderate'], [0.8, 'substantial']]);
  return steps.find(([most]) => kappa <= most)?.[1] ?? 'almost_perfect';
}

/** The first column says who, the rest is numbers. @param {string[]} heads keys @param {HTMLElement[]} rows */
function table(heads, rows) {
  const head = heads.map((key, at) => el('th', { scope: 'col', class: at > 0 && key !== 'stats.strength' ? 'number' : '' }, t(key)));
  return el('table', {}, el('thead', {}, el('tr', {}, head)), el('tbody', {}, rows));
}

/** @param {Desk} desk @param {any} stats */
export function openStats(desk, stats) {
  if (document.getElementById('stats')) return;
  const percent = (/** @type {any} */ part) => (typeof part === 'number' ? `${(part * 100).toFixed(0)} %` : '–');
  const seconds = (/** @type {any} */ ms) => (typeof ms === 'number' ? `${(ms / 1000).toFixed(1)} s` : '–');
  const name = (/** @type {string} */ agency) => desk.store.agencyName(agency);
  const number = (/** @type {any} */ value) => el('td', { class: 'number' }, String(value));
  const pairs = (stats?.pairs ?? []).map((/** @type {any} */ pair) => {
    const kappa = typeof pair.kappa === 'number' ? pair.kappa : null;
    return el('tr', {}, el('td', {}, pair.desks.map(name).join(' – ')), number(pair.both), number(percent(pair.agreement)), number(kappa === null ? '–' : kappa.toFixed(2)), el('td', {}, kappa === null ? t('stats.too_few') : t(`kappa.${strength(kappa)}`)));
  });
  const desks = (stats?.desks ?? []).map((/** @type {any} */ one) => {
    const truth = one.truth ?? {};
    return el('tr', {}, el('td', {}, name(one.agency)), number(one.judged), number(one.not_reviewed), number(seconds(one.after_ms_median)), number(seconds(one.after_ms_p95)), number(truth.alarm_found ?? 0), number(truth.alarm_nothing ?? 0), number(truth.clear_found ?? 0));
  });
  const dialog = /** @type {HTMLDialogElement} */ (el('dialog', { id: 'stats', class: 'wide', 'aria-labelledby': 'stats-title' },
    el('h2', { id: 'stats-title' }, t('stats.title')),
    el('p', { class: 'about' }, t('stats.about')),
    pairs.length + desks.length === 0 && el('p', { class: 'dim' }, t('stats.empty')),
    pairs.length > 0 && table(['stats.desks', 'stats.both', 'stats.agreement', 'stats.kappa', 'stats.strength'], pairs),
    desks.length > 0 && table(['stats.desk', 'stats.judged', 'stats.not_reviewed', 'stats.median', 'stats.p95', 'stats.alarm_found', 'stats.alarm_nothing', 'stats.clear_found'], desks),
    el('p', { class: 'dim' }, t('stats.window', { count: stats?.inspections ?? 0 })),
    el('div', { class: 'buttons' }, el('button', { class: 'main', onclick: () => dialog.close() }, t('form.close'))),
  ));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
