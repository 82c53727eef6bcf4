// The page's words. Chinese unless somebody chose otherwise; the choice is remembered by this browser.

import { zh } from './words/zh.js';
import { en } from './words/en.js';

/** @type {Record<string, Record<string, string>>} */
export const LANGUAGES = { zh, en };
const KEPT = 'portside.language';

let current = kept();
/** @type {Set<() => void>} */
const listeners = new Set();

function kept() {
  try {
    const kept = localStorage.getItem(KEPT);
    return kept !== null && kept in LANGUAGES ? kept : 'zh';
  } catch {
    return 'zh'; // no storage: a private window, or no browser at all
  }
}

/** @returns {string} `zh` or `en` */
export function language() {
  return current;
}

/** @param {string} chosen */
export function setLanguage(chosen) {
  if (!(chosen in LANGUAGES)) return;
  current = chosen;
  try {
    localStorage.setItem(KEPT, chosen);
  } catch {
    // it holds for this visit
  }
  apply();
  for (const listener of listeners) listener();
}

/** @param {() => void} listener */
export function onLanguage(listener) {
  listeners.add(listener);
}

/**
 * The word of a key, `{name}` in it replaced.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const text = LANGUAGES[current][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/**
 * The word of a key that the daemon made up of a closed list; what is not in the list is shown as it came.
 * @param {string} family
 * @param {string | null | undefined} value
 */
export function word(family, value) {
  if (value === null || value === undefined) return '';
  return LANGUAGES[current][`${family}.${value}`] ?? String(value);
}

/** Writes the words of this language wherever the page's HTML names one. */
export function apply() {
  document.documentElement.lang = current === 'zh' ? 'zh-CN' : 'en';
  for (const element of document.querySelectorAll('[data-word]')) {
    element.textContent = t(/** @type {HTMLElement} */ (element).dataset.word ?? '');
  }
  for (const element of document.querySelectorAll('[data-label]')) {
    const text = t(/** @type {HTMLElement} */ (element).dataset.label ?? '');
    element.setAttribute('aria-label', text);
    if (element.hasAttribute('title')) element.setAttribute('title', text);
  }
}

const pad = (/** @type {number} */ number, places = 2) => String(number).padStart(places, '0');

/**
 * Minutes and seconds that are left, rounded up: 0:00 means that it is over.
 * @param {number} ms
 */
export function clockLeft(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${pad(seconds % 60)}`;
}

/**
 * Time of day of a moment in the daemon's time.
 * @param {string | number | null | undefined} moment
 */
export function timeOfDay(moment) {
  const date = new Date(moment ?? NaN);
  if (Number.isNaN(date.getTime())) return '–';
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}
