// Logging in, and the first time with the one-time code that the technician handed over.

import { within } from './address.js';
import { call } from './api.js';
import { byId, say } from './dom.js';
import { openDoor, where } from './door.js';
import { t } from './words.js';

const input = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (byId(id));
let first = false;
/** Seconds until another attempt is taken. */
let wait = 0;

function draw() {
  document.title = `${t('login.title')} · Portside`;
  say(byId('title'), t(first ? 'login.first_title' : 'login.title'));
  say(byId('about'), t(first ? 'login.first_about' : 'login.about'));
  say(byId('password-label'), t(first ? 'login.new_password' : 'login.password'));
  say(byId('submit'), wait > 0 ? t('login.wait', { seconds: wait }) : t(first ? 'login.first_submit' : 'login.submit'));
  say(byId('other'), t(first ? 'login.have_password' : 'login.have_code'));
  byId('code-field').hidden = !first;
  byId('again-field').hidden = !first;
  input('password').autocomplete = first ? 'new-password' : 'current-password';
  byId('submit').disabled = wait > 0;
}

/** @param {string} message */
const refuse = (message) => say(byId('refusal'), message);

/** @returns {string} what is missing, or nothing */
function missing() {
  const needed = /** @type {[string, string][]} */ ([['name', 'login.name'], ...(first ? [['code', 'login.code']] : []), ['password', first ? 'login.new_password' : 'login.password']]);
  for (const [id, key] of needed) {
    if (input(id).value !== '') continue;
    input(id).focus();
    return t('form.needed', { field: t(key) });
  }
  if (first && input('password').value !== input('again').value) {
    input('again').focus();
    return t('login.differ');
  }
  return '';
}

async function submit() {
  const lacks = missing();
  refuse(lacks);
  if (lacks) return;
  byId('submit').disabled = true;
  const [name, password] = [input('name').value.trim(), input('password').value];
  const reply = first ? await call('/api/first', { name, code: input('code').value.trim(), password }) : await call('/api/login', { name, password });
  byId('submit').disabled = false;
  if (reply.ok) return location.assign(target(reply.body));
  refuse(reply.message);
  if (reply.wait > 0) hold(reply.wait);
  input('password').value = '';
  input('again').value = '';
  input('password').focus();
}

/** The desk that somebody was sent from, else one's own, else the list. @param {any} body */
function target(body) {
  const mine = body.station?.desks?.find((/** @type {any} */ desk) => desk.agency === body.me?.agency);
  const asked = within(new URLSearchParams(location.search).get('to'));
  const path = asked && asked.endsWith(`/${body.me?.agency}`) ? asked : mine?.path;
  return path && ['officer', 'supervisor'].includes(body.me?.role) ? path : '/';
}

/** @param {number} seconds */
function hold(seconds) {
  wait = Math.min(3600, Math.ceil(seconds));
  const timer = setInterval(() => {
    wait -= 1;
    if (wait <= 0) clearInterval(timer);
    draw();
  }, 1000);
  draw();
}

byId('login').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  if (wait === 0) submit();
});
byId('other').addEventListener('click', () => {
  first = !first;
  refuse('');
  draw();
  input(first && input('name').value ? 'code' : 'name').focus();
});
byId('seen').addEventListener('change', () => {
  for (const id of ['password', 'again']) input(id).type = input('seen').checked ? 'text' : 'password';
});
openDoor(draw);
call('/api/me').then(({ body }) => where(body));
