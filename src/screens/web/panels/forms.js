// Questions in a dialog: fields, a sentence of what will happen, and the refusal where the officer looks.

import { el, fill, say } from '../dom.js';
import { t } from '../words.js';

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {'text'|'area'|'password'|'select'|'number'|'checks'} [kind]
 * @property {{value: string, label: string}[]} [options]
 * @property {boolean} [optional]
 * @property {string} [value]
 * @property {string} [autocomplete]
 */

let count = 0;

/**
 * Asks until the daemon took it or the person gave up.
 * @param {{title: string, about?: string, fields: Field[], submit: string, send: (values: Record<string, any>) => Promise<import('../api.js').Reply>}} question
 * @returns {Promise<import('../api.js').Reply | null>}
 */
export function ask({ title, about = '', fields, submit, send }) {
  const id = `ask-${(count += 1)}`;
  const refusal = el('p', { class: 'refusal', role: 'alert' });
  const button = /** @type {HTMLButtonElement} */ (el('button', { class: 'main', type: 'submit' }, submit));
  const dialog = /** @type {HTMLDialogElement} */ (el('dialog', { 'aria-labelledby': `${id}-title` }));
  const cancel = el('button', { type: 'button', onclick: () => dialog.close() }, t('form.cancel'));
  const form = /** @type {HTMLFormElement} */ (el('form', { method: 'dialog', novalidate: true },
    el('h2', { id: `${id}-title` }, title),
    about && el('p', { class: 'about' }, about),
    fields.map((field) => shown(field, id)),
    refusal,
    el('div', { class: 'buttons' }, cancel, button),
  ));
  fill(dialog, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    /** @type {import('../api.js').Reply | null} */
    let answer = null;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      say(refusal, '');
      const values = read(fields, form);
      const empty = fields.find(({ name, optional }) => !optional && (values[name] === '' || values[name].length === 0));
      if (empty) {
        say(refusal, t('form.needed', { field: empty.label }));
        form.querySelector(`[name="${empty.name}"]`)?.dispatchEvent(new Event('focus'));
        /** @type {HTMLElement | null} */ (form.querySelector(`[name="${empty.name}"]`))?.focus();
        return;
      }
      button.disabled = true;
      const reply = await send(values);
      button.disabled = false;
      if (!reply.ok) {
        say(refusal, reply.message);
        return;
      }
      answer = reply;
      dialog.close();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer);
    });
    dialog.showModal();
    /** @type {HTMLElement | null} */ (form.querySelector('input, select, textarea'))?.focus();
  });
}

/** @param {Field} field @param {string} id */
function shown({ name, label, kind = 'text', options = [], value = '', autocomplete = 'off', optional }, id) {
  const at = `${id}-${name}`;
  const common = { id: at, name, required: !optional };
  if (kind === 'checks') {
    const boxes = options.map((option) => el('label', { class: 'check' }, el('input', { type: 'checkbox', name, value: option.value }), option.label));
    return el('fieldset', { class: 'field' }, el('legend', {}, label), boxes);
  }
  let input;
  if (kind === 'area') input = el('textarea', { ...common, rows: 3 }, value);
  else if (kind === 'select') input = el('select', common, options.map((option) => el('option', { value: option.value, selected: option.value === value }, option.label)));
  else input = el('input', { ...common, type: kind === 'number' ? 'text' : kind, inputmode: kind === 'number' ? 'decimal' : false, value, autocomplete });
  return el('div', { class: 'field' }, el('label', { for: at }, label), input);
}

/** @param {Field[]} fields @param {HTMLFormElement} form @returns {Record<string, any>} */
function read(fields, form) {
  const data = new FormData(form);
  return Object.fromEntries(fields.map(({ name, kind }) => {
    if (kind === 'checks') return [name, data.getAll(name).map(String)];
    const typed = String(data.get(name) ?? '');
    return [name, kind === 'password' ? typed : typed.trim()];
  }));
}
