// The head of the page: where this is, whether it is live, who is here, and what belongs to the desk and not to a subject.

import { el, fill, say } from '../dom.js';
import { theme } from '../theme.js';
import { language, t, timeOfDay, word } from '../words.js';

/** @typedef {import('../desk.js').Desk} Desk */

/** @param {Desk} desk */
export function drawTop(desk) {
  const { store, sound } = desk;
  const { hello, state } = store;
  const id = (/** @type {string} */ name) => /** @type {HTMLElement} */ (document.getElementById(name));
  const agency = hello?.desk?.name ?? hello?.me?.agency ?? '';
  say(id('station'), hello ? t('top.station', { station: hello.station.id, agency }) : 'Portside');
  fill(id('lane'), hello && `${hello.lane.port} ${hello.lane.id} `, hello && el('span', { class: 'lane-name' }, hello.lane.name ?? ''));
  document.title = hello ? `${agency} · ${hello.station.id} · Portside` : 'Portside';
  const live = id('live');
  live.classList.toggle('dead', !store.live);
  say(live, store.live ? t('top.live') : t('top.not_live'));
  const faults = state?.faults ?? [];
  fill(id('facts'),
    store.source === false && el('span', { class: 'chip bad' }, t('top.no_source')),
    faults.slice(0, 3).map((/** @type {string} */ fault) => el('span', { class: 'chip bad', title: fault }, faultWord(fault))),
    faults.length > 3 && el('span', { class: 'chip bad', title: faults.slice(3).map(faultWord).join('; ') }, t('top.more_faults', { count: faults.length - 3 })),
    state?.mode && el('span', { class: `chip ${state.mode === 'emergency' ? 'bad' : ''}` }, word('mode', state.mode)),
    state?.motion && el('span', { class: 'chip' }, word('motion', state.motion)),
    state?.beam && el('span', { class: `chip ${state.beam === 'on' ? 'warn' : ''}` }, word('beam', state.beam)),
  );
  const button = (/** @type {string} */ name, /** @type {string} */ label, /** @type {() => void} */ press, /** @type {Record<string, any>} */ more = {}) =>
    el('button', { id: `top-${name}`, onclick: press, ...more }, label);
  fill(id('top-buttons'),
    button('stop', t('tool.stop'), () => desk.stop(), { class: 'stop', title: t('about.stop'), disabled: !store.live }),
    button('sound', t('tool.sound'), () => desk.run('sound'), { 'aria-pressed': String(!sound.muted) }),
    button('theme', t('tool.theme'), () => desk.run('theme'), { 'aria-pressed': String(theme() === 'sunlight') }),
    button('language', language() === 'zh' ? 'English' : '中文', () => desk.run('language'), { lang: language() === 'zh' ? 'en' : 'zh-CN' }),
    button('stats', t('tool.stats'), () => desk.run('stats')),
    button('help', '?', () => desk.run('help'), { 'aria-label': t('tool.help'), title: t('tool.help') }),
    el('span', { class: 'who', title: hello ? word('role', hello.me.role) : '' }, hello?.me?.display || hello?.me?.name || ''),
    button('lock', t('tool.lock'), () => desk.run('lock')),
    button('hand-over', t('top.hand_over'), () => desk.handOver()),
    button('logout', t('top.logout'), () => desk.logout()),
  );
}

/** @param {string} fault */
function faultWord(fault) {
  const [code, what] = fault.split(':');
  return what ? `${word('fault', code)}: ${what}` : word('fault', code);
}

/** @param {Desk} desk */
export function tickTop({ store }) {
  const now = store.now();
  say(/** @type {HTMLElement} */ (document.getElementById('clock')), now === null ? '' : timeOfDay(now));
}
