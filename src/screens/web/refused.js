// A page that somebody went to and does not get: why, whose it is, and the way to the own desk.

import { call } from './api.js';
import { byId, el, fill, say } from './dom.js';
import { openDoor, where } from './door.js';
import { t, word } from './words.js';

const code = document.querySelector('meta[name="refusal"]')?.getAttribute('content') ?? '';
/** @type {any} */
let told = null;

/** Station and agency of the address, if it is a desk's. @param {string} path @returns {{station: string, agency: string} | null} */
function deskOf(path) {
  const [, station, agency] = /^\/desk\/([^/]+)\/([^/]+)/.exec(path) ?? [];
  return agency === undefined ? null : { station: plain(station), agency: plain(agency) };
}

/** @param {string} part */
function plain(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** @returns {string} */
function title() {
  const desk = deskOf(location.pathname);
  const known = told?.station?.desks?.find((/** @type {any} */ one) => one.agency === desk?.agency);
  if (desk && known && desk.station === told.station.id) return t('refused.desk', { agency: known.name, station: desk.station });
  return t(code === 'no_such_desk' ? 'refused.no_desk' : code === 'no_such_page' ? 'refused.no_page' : 'refused.no');
}

/** @returns {string} */
function about() {
  const desk = deskOf(location.pathname);
  if (code === 'no_such_desk' && desk) return t('refused.no_desk_about', desk);
  if (code === 'no_such_page') return t('refused.no_page_about', { path: location.pathname });
  const sentence = word('refusal', code);
  return sentence === code ? t('refused.no') : sentence;
}

function draw() {
  const me = told?.me ?? null;
  const mine = me && ['officer', 'supervisor'].includes(me.role) && told.station.desks.find((/** @type {any} */ one) => one.agency === me.agency);
  document.title = `${title()} · Portside`;
  say(byId('title'), title());
  say(byId('about'), about());
  say(byId('who'), me ? t('refused.who', { name: me.display || me.name, agency: told.agency?.name ?? me.agency, role: word('role', me.role) }) : '');
  fill(byId('ways'),
    mine ? el('a', { class: 'button main', id: 'own', href: mine.path }, t('landing.open_desk', { agency: mine.name })) : null,
    told && !me ? el('a', { class: 'button main', href: '/login' }, t('login.title')) : null,
    el('a', { class: 'button', href: '/' }, t('refused.desks')),
  );
}

openDoor(draw);
call('/api/me').then(({ body }) => {
  told = body.station ? body : null;
  where(body);
  draw();
});
