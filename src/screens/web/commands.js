// Everything that keys, the toolbar and the shortcut sheet have in common: one list.

/**
 * @typedef {object} Command
 * @property {string} id      its word is `tool.{id}`
 * @property {string} keys    as the sheet shows them; matched by `matches`
 * @property {'pointer'|'show'|'look'|'window'|'judge'|'desk'} group
 * @property {boolean} [rail] has a button in the toolbar
 */

/** @type {Command[]} */
export const COMMANDS = [
  { id: 'hand', keys: 'P', group: 'pointer', rail: true },
  { id: 'window', keys: 'L', group: 'pointer', rail: true },
  { id: 'box', keys: 'B', group: 'pointer', rail: true },
  { id: 'polygon', keys: 'N', group: 'pointer', rail: true },
  { id: 'measure', keys: 'D', group: 'pointer', rail: true },
  { id: 'plain', keys: 'Z', group: 'pointer', rail: true },
  { id: 'grey', keys: 'G', group: 'show', rail: true },
  { id: 'material', keys: 'C', group: 'show', rail: true },
  { id: 'organic', keys: 'O', group: 'show', rail: true },
  { id: 'inorganic', keys: 'M', group: 'show', rail: true },
  { id: 'low_penetration', keys: 'Q', group: 'show', rail: true },
  { id: 'high_penetration', keys: 'W', group: 'show', rail: true },
  { id: 'edge', keys: 'E', group: 'show', rail: true },
  { id: 'contrast', keys: 'K', group: 'show', rail: true },
  { id: 'invert', keys: 'I', group: 'show', rail: true },
  { id: 'energy', keys: 'S', group: 'show', rail: true },
  { id: 'hot', keys: 'H', group: 'show', rail: true },
  { id: 'rainbow', keys: 'J', group: 'show', rail: true },
  { id: 'zoom_in', keys: '+', group: 'look', rail: true },
  { id: 'zoom_out', keys: '-', group: 'look', rail: true },
  { id: 'fit', keys: '0', group: 'look', rail: true },
  { id: 'one', keys: '9', group: 'look', rail: true },
  { id: 'rotate', keys: 'R', group: 'look', rail: true },
  { id: 'mirror', keys: 'X', group: 'look', rail: true },
  { id: 'views', keys: 'V', group: 'look', rail: true },
  { id: 'compare', keys: 'T', group: 'look', rail: true },
  { id: 'current', keys: 'U', group: 'look' },
  { id: 'older', keys: 'PageUp', group: 'look' },
  { id: 'newer', keys: 'PageDown', group: 'look' },
  { id: 'smooth', keys: 'Shift+G', group: 'look' },
  { id: 'preset_full', keys: '5', group: 'window' },
  { id: 'preset_light', keys: '6', group: 'window' },
  { id: 'preset_dense', keys: '7', group: 'window' },
  { id: 'preset_very_dense', keys: '8', group: 'window' },
  { id: 'automatic', keys: 'A', group: 'window' },
  { id: 'narrower', keys: '[', group: 'window' },
  { id: 'wider', keys: ']', group: 'window' },
  { id: 'darker', keys: ';', group: 'window' },
  { id: 'brighter', keys: "'", group: 'window' },
  { id: 'clear', keys: '1', group: 'judge' },
  { id: 'alarm', keys: '2', group: 'judge' },
  { id: 'unknown', keys: '3', group: 'judge' },
  { id: 'seal', keys: 'Ctrl+Enter', group: 'judge' },
  { id: 'undo', keys: 'Ctrl+Z', group: 'judge' },
  { id: 'redo', keys: 'Ctrl+Y', group: 'judge' },
  { id: 'note', keys: '/', group: 'judge' },
  { id: 'next', keys: '.', group: 'judge' },
  { id: 'hold', keys: 'Shift+H', group: 'judge' },
  { id: 'sound', keys: 'Shift+S', group: 'desk' },
  { id: 'stats', keys: 'Shift+T', group: 'desk' },
  { id: 'theme', keys: 'Shift+D', group: 'desk' },
  { id: 'language', keys: 'Shift+E', group: 'desk' },
  { id: 'lock', keys: 'Shift+L', group: 'desk' },
  { id: 'help', keys: '?', group: 'desk' },
];

/** Keys that are not letters alone: they work even where single letters are switched off. */
const COMBINED = /^(Ctrl\+|Page)/;

/**
 * The name of a key press, as the list writes it.
 * @param {{key: string, ctrlKey: boolean, metaKey: boolean, altKey: boolean, shiftKey: boolean}} event
 */
export function nameOf({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  if (altKey) return '';
  const letter = key.length === 1 ? key.toUpperCase() : key;
  const ctrl = ctrlKey || metaKey;
  if (ctrl && shiftKey && letter === 'Z') return 'Ctrl+Y'; // the other habit
  if (ctrl) return `Ctrl+${letter}`;
  if (shiftKey && /^[A-Z]$/.test(letter)) return `Shift+${letter}`;
  return letter === '=' ? '+' : letter === '_' ? '-' : letter;
}

/**
 * The command of a key press, if it is one here.
 * @param {Parameters<typeof nameOf>[0]} event
 * @param {{typing: boolean, letters: boolean}} where  typing: in a text field; letters: single keys are switched on
 */
export function commandOf(event, { typing, letters }) {
  const name = nameOf(event);
  const command = COMMANDS.find(({ keys }) => keys === name);
  if (!command) return null;
  if (COMBINED.test(command.keys)) return typing && command.id !== 'seal' ? null : command;
  return typing || !letters ? null : command;
}
