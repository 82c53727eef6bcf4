// The locked screen: the case stays as it is behind it, and nothing of it is seen.

import { call } from '../api.js';
import { el, say } from '../dom.js';
import { t } from '../words.js';

/** @typedef {import('../desk.js').Desk} Desk */

/** @param {Desk} desk */
export function lockScreen(desk) {
  if (document.getElementById('lock')) return;
  const refusal = el('p', { class: 'refusal', role: 'alert' });
  const password = /** @type {HTMLInputElement} */ (el('input', { id: 'lock-password', type: 'password', autocomplete: 'current-password', required: true }));
  const button = /** @type {HTMLButtonElement} */ (el('button', { class: 'main', type: 'submit' }, t('lock.unlock')));
  const form = el('form', { novalidate: true },
    el('h2', { id: 'lock-title' }, t('lock.title')),
    el('p', { class: 'about' }, t('lock.about', { name: desk.store.hello?.me?.display || desk.store.hello?.me?.name || '' })),
    el('div', { class: 'field' }, el('label', { for: 'lock-password' }, t('login.password')), password),
    refusal,
    el('div', { class: 'buttons' }, el('button', { type: 'button', onclick: () => desk.logout() }, t('top.logout')), button),
  );
  const dialog = /** @type {HTMLDialogElement} */ (el('dialog', { id: 'lock', class: 'lock-dialog', 'aria-labelledby': 'lock-title' }, form));
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  dialog.addEventListener('keydown', (event) => event.key === 'Escape' && event.preventDefault());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    const reply = await call('/api/unlock', { password: password.value });
    button.disabled = false;
    password.value = '';
    if (reply.ok) {
      dialog.remove();
      desk.unlocked();
    } else if (reply.code === 'no_session') {
      desk.login();
    } else {
      say(refusal, reply.message);
      password.focus();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  password.focus();
}
