// A browser without WebGL 2: the desk says so in place of an image, and connects to nothing.

import { byId, el, fill } from '../dom.js';
import { apply, language, onLanguage, setLanguage, t } from '../words.js';

export function noPicture() {
  for (const id of ['picture', 'overlay']) document.getElementById(id)?.remove(); // nothing lies over the way out
  byId('stage').classList.add('no-picture');
  const draw = () => {
    apply();
    document.title = `${t('stage.no_gl')} · Portside`;
    fill(byId('stage-empty'),
      el('strong', { role: 'alert' }, t('stage.no_gl')),
      el('span', {}, t('stage.no_gl_more')),
      el('button', { id: 'language', type: 'button', lang: language() === 'zh' ? 'en' : 'zh-CN', onclick: () => setLanguage(language() === 'zh' ? 'en' : 'zh') }, language() === 'zh' ? 'English' : '中文'),
      el('a', { class: 'button', href: '/' }, t('refused.desks')),
    );
  };
  onLanguage(draw);
  draw();
}
