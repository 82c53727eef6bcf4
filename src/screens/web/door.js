// What the pages before a desk share: where this is, language and brightness.

import { el, fill, say } from './dom.js';
import { setTheme, theme } from './theme.js';
import { apply, language, onLanguage, setLanguage, t } from './words.js';

/** @param {() => void} draw the page's own words */
export function openDoor(draw) {
  const buttons = /** @type {HTMLElement} */ (document.getElementById('door-buttons'));
  const all = () => {
    apply();
    fill(buttons,
      el('button', { id: 'theme', type: 'button', 'aria-pressed': String(theme() === 'sunlight'), onclick: () => setTheme(theme() === 'dark' ? 'sunlight' : 'dark') }, t('tool.theme')),
      el('button', { id: 'language', type: 'button', lang: language() === 'zh' ? 'en' : 'zh-CN', onclick: () => setLanguage(language() === 'zh' ? 'en' : 'zh') }, language() === 'zh' ? 'English' : '中文'),
    );
    draw();
  };
  onLanguage(all);
  addEventListener('theme', all);
  all();
}

/** @param {any} body what `/api/me` told */
export function where(body) {
  const { lane, station } = body;
  if (!lane) return;
  const text = [lane.port, lane.id, lane.name, station?.id].filter(Boolean).join(' · ');
  say(/** @type {HTMLElement} */ (document.getElementById('where')), text);
}
