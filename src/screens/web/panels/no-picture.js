// A browser without WebGL 2: the desk says so in place of everything else, and connects to nothing.

import { byId, el, fill } from '../dom.js';
import { apply, language, onLanguage, setLanguage, t } from '../words.js';

export function noPicture() {
  document.body.classList.add('no-picture');
  for (const id of ['picture', 'overlay']) byId(id).remove(); // nothing lies over the way out
  const draw = () => {
    apply();
    document.title = `${t('stage.no_gl')} · Portside`;
    fill(byId('stage-empty'),
      el('div', { role: 'alert' }, el('h1', {}, t('stage.no_gl')), el('p', {}, t('stage.no_gl_more'))),
      el('div', { class: 'ways' },
        el('a', { class: 'button main', href: '/' }, t('refused.desks')),
        el('button', { id: 'language', type: 'button', lang: language() === 'zh' ? 'en' : 'zh-CN', onclick: () => setLanguage(language() === 'zh' ? 'en' : 'zh') }, language() === 'zh' ? 'English' : '中文'),
      ),
    );
  };
  onLanguage(draw);
  draw();
}
