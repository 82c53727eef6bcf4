// Buttons of the image tools. A tool that the picture does not allow stays reachable and says why.

import { COMMANDS } from '../commands.js';
import { el, fill } from '../dom.js';
import { coloured } from '../image/colours.js';
import { allowed, whyNot } from '../image/tools.js';
import { t } from '../words.js';

/** @typedef {import('../desk.js').Desk} Desk */

const GROUPS = /** @type {const} */ (['pointer', 'show', 'look']);

/** @param {HTMLElement} place @param {Desk} desk */
export function drawToolbar(place, desk) {
  const { stage } = desk;
  const { can } = stage;
  /** @type {Set<string>} */
  const reasons = new Set();
  const groups = GROUPS.map((group) => el('div', { class: 'rail-group', role: 'group', 'aria-label': t(`group.${group}`) },
    COMMANDS.filter((command) => command.group === group && command.rail).map(({ id, keys }) => {
      const why = group === 'show' ? whyNot(id, can) : id === 'views' && (stage.main?.format.views ?? 1) < 2 ? 'why.one_view' : null;
      if (why && can && group === 'show') reasons.add(t(why));
      const pressed = isOn(id, desk);
      const name = nameOf(id, desk);
      const level = id === 'edge' ? stage.tools.edge : id === 'contrast' ? stage.tools.contrast : 0;
      return el('button', {
        id: `tool-${id}`,
        'aria-pressed': pressed === null ? false : String(pressed),
        'aria-disabled': why ? 'true' : false,
        'aria-keyshortcuts': keys,
        title: why ? `${t(`tool.${id}`)}: ${t(why)}` : `${id === 'energy' ? t('tool.energy') : name} (${keys})`,
        onclick: () => desk.run(id),
      },
      el('span', {}, name),
      el('span', { class: 'key', 'aria-hidden': 'true' }, keys, level > 0 && el('span', { class: 'level' }, ` ×${level}`)),
      level > 0 && el('span', { class: 'unseen' }, String(level)));
    })));
  fill(place, groups, el('p', { class: 'rail-why', role: 'note' }, [...reasons].join(' ')));
}

/** @param {string} id @param {Desk} desk */
function nameOf(id, { stage: { can, tools } }) {
  if (id === 'energy') return t(`energy.${can && can.energies !== 2 ? 'single' : tools.energy}`);
  return id === 'material' && can && coloured(can) ? t('tool.own_colours') : t(`tool.${id}`);
}

/** @param {string} id @param {Desk} desk @returns {boolean | null} null: it is not a switch */
function isOn(id, { stage, comparison }) {
  const { mode } = stage;
  const tools = stage.can ? allowed(stage.tools, stage.can) : stage.tools;
  switch (id) {
    case 'hand':
    case 'window':
    case 'box':
    case 'polygon':
    case 'measure':
      return mode === id;
    case 'grey':
    case 'material':
    case 'hot':
    case 'rainbow':
      return tools.scheme === id;
    case 'organic':
    case 'inorganic':
      return tools.only === id;
    case 'low_penetration':
      return tools.penetration === 'low';
    case 'high_penetration':
      return tools.penetration === 'high';
    case 'invert':
      return tools.invert;
    case 'edge':
      return tools.edge > 0;
    case 'contrast':
      return tools.contrast > 0;
    case 'mirror':
      return stage.orientation.mirror;
    case 'compare':
      return comparison.on;
    default:
      return null;
  }
}
