// The list of desks of this station, and which of them is one's own.

import { call } from './api.js';
import { byId, el, fill, say } from './dom.js';
import { openDoor, where } from './door.js';
import { t, word } from './words.js';

/** @type {any} */
let told = null;
let failed = '';

function draw() {
  document.title = `${t('landing.title')} · Portside`;
  const me = told?.me ?? null;
  const desks = told?.station?.desks ?? [];
  say(byId('about'), me ? t('landing.hello', { name: me.display || me.name, role: word('role', me.role) }) : t('landing.about'));
  say(byId('refusal'), failed);
  fill(byId('desks'), desks.map((/** @type {any} */ desk) => {
    const own = me?.agency === desk.agency && ['officer', 'supervisor'].includes(me.role);
    const way = own || !me ? el('a', { class: 'button', href: desk.path, 'aria-label': t('landing.open_desk', { agency: desk.name }) }, t(me ? 'landing.open' : 'landing.login')) : el('span', { class: 'dim' }, t('landing.not_yours'));
    return el('li', {}, el('span', { class: 'name' }, desk.name, el('small', {}, t('landing.station', { station: told.station.id, role: word('desk_role', desk.role) }))), way);
  }), told && desks.length === 0 && el('li', { class: 'dim' }, t('landing.no_desks')));
  fill(byId('session'), me
    ? el('button', { id: 'logout', type: 'button', onclick: logout }, t('top.logout'))
    : el('a', { class: 'button', href: '/login' }, t('login.title')));
}

async function logout() {
  await call('/api/logout', {});
  location.assign('/login');
}

async function load() {
  const reply = await call('/api/me');
  failed = reply.status === 0 ? reply.message : '';
  told = reply.body.station ? reply.body : null;
  where(reply.body);
  draw();
}

openDoor(draw);
load();
