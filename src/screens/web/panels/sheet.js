// The shortcut sheet, from the same list that the keys obey.

import { COMMANDS } from '../commands.js';
import { el } from '../dom.js';
import { t } from '../words.js';

const GROUPS = /** @type {const} */ (['judge', 'pointer', 'show', 'window', 'look', 'desk']);

/** @param {{letters: boolean, setLetters: (on: boolean) => void}} desk */
export function openSheet(desk) {
  if (document.getElementById('sheet')) return;
  const letters = /** @type {HTMLInputElement} */ (el('input', { type: 'checkbox', id: 'letters', checked: desk.letters }));
  letters.addEventListener('change', () => desk.setLetters(letters.checked));
  const dialog = /** @type {HTMLDialogElement} */ (el('dialog', { id: 'sheet', class: 'wide', 'aria-labelledby': 'sheet-title' },
    el('h2', { id: 'sheet-title' }, t('sheet.title')),
    el('p', { class: 'about' }, t('sheet.about')),
    el('div', { class: 'sheet' },
      GROUPS.map((group) => el('section', {}, el('h3', {}, t(`group.${group}`)), el('dl', {},
        COMMANDS.filter((command) => command.group === group).flatMap(({ id, keys }) => [el('dt', {}, el('kbd', {}, keys)), el('dd', {}, t(`tool.${id}`))])))),
      el('section', {}, el('h3', {}, t('sheet.image')), el('dl', {}, [
        ['↑ ↓ ← →', 'sheet.arrows'], ['Enter', 'sheet.enter'], ['Esc', 'sheet.escape'], ['Shift+↑↓←→', 'sheet.shift_arrows'], [t('sheet.right_drag_key'), 'sheet.right_drag'], [t('sheet.wheel_key'), 'sheet.wheel'],
      ].flatMap(([keys, key]) => [el('dt', {}, el('kbd', {}, keys)), el('dd', {}, t(key))]))),
    ),
    el('label', { class: 'check', for: 'letters' }, letters, t('sheet.letters')),
    el('div', { class: 'buttons' }, el('button', { class: 'main', onclick: () => dialog.close() }, t('form.close'))),
  ));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
