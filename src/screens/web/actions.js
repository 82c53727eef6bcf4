// What keys and buttons do: the commands, and the keys that only mean something on the image.

import { commandOf } from './commands.js';
import { redone, undone } from './draft.js';
import { placeHold } from './panels/holds.js';
import { openSheet } from './panels/sheet.js';
import { openStats } from './panels/stats.js';
import { setTheme, theme } from './theme.js';
import { language, setLanguage, t } from './words.js';

const PAN = 60;

export class Actions {
  /** @param {import('./desk.js').Desk} desk */
  constructor(desk) {
    this.desk = desk;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (document.querySelector('dialog[open]') || event.isComposing) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const typing = /^(TEXTAREA|SELECT)$/.test(target.tagName) || (target.tagName === 'INPUT' && /** @type {HTMLInputElement} */ (target).type !== 'range');
    const onStage = target === this.desk.stage.host || target === document.body;
    if (event.key === 'Escape' && !typing) {
      if (!this.desk.pointer.giveUp() && this.desk.called) this.run('current');
      return;
    }
    const way = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] })[event.key];
    if (way && onStage && !event.ctrlKey && !event.altKey) {
      event.preventDefault();
      this.desk.stage.pan(way[0] * PAN, way[1] * PAN);
      this.pointAtCentre();
      return;
    }
    if (event.key === 'Enter' && target === this.desk.stage.host && !event.ctrlKey) {
      event.preventDefault();
      if (this.desk.stage.overlay.growing?.kind === 'polygon' && event.shiftKey) this.desk.pointer.finish();
      else this.desk.pointer.clickCentre();
      return;
    }
    const command = commandOf(event, { typing, letters: this.desk.letters });
    if (!command) return;
    event.preventDefault();
    this.run(command.id);
  }

  pointAtCentre() {
    const { pane } = this.desk.stage;
    requestAnimationFrame(() => pane && this.desk.windowBar.point(this.desk.stage.pane, [pane.rect.x + pane.rect.width / 2, pane.rect.y + pane.rect.height / 2]));
  }

  /** @param {string} id of a command */
  run(id) {
    const { stage } = this.desk;
    const { window } = stage.tools;
    const commands = /** @type {Record<string, () => void>} */ ({
      zoom_in: () => stage.zoom(1.25),
      zoom_out: () => stage.zoom(0.8),
      fit: () => stage.fit(),
      one: () => stage.oneToOne(),
      rotate: () => stage.turn('rotate'),
      mirror: () => stage.turn('mirror'),
      views: () => stage.nextView(),
      compare: () => this.desk.comparison.toggle(),
      current: () => {
        this.desk.called = null;
        this.desk.chosen = null;
        this.desk.draw();
      },
      older: () => this.browse(1),
      newer: () => this.browse(-1),
      automatic: () => stage.automatic(),
      narrower: () => stage.use('window', { ...window, width: window.width * 0.9 }),
      wider: () => stage.use('window', { ...window, width: window.width / 0.9 }),
      darker: () => stage.use('window', { ...window, centre: window.centre + window.width * 0.05 }),
      brighter: () => stage.use('window', { ...window, centre: window.centre - window.width * 0.05 }),
      seal: () => this.desk.verdict.seal(),
      undo: () => this.desk.sealed() || this.desk.change(undone(this.desk.draft)),
      redo: () => this.desk.sealed() || this.desk.change(redone(this.desk.draft)),
      note: () => document.getElementById('note')?.focus(),
      next: () => this.desk.next(),
      hold: () => placeHold(this.desk),
      sound: () => {
        this.desk.sound.toggle();
        this.desk.draw();
      },
      stats: () => openStats(this.desk, this.desk.store.state?.stats ?? null),
      theme: () => setTheme(theme() === 'dark' ? 'sunlight' : 'dark'),
      language: () => setLanguage(language() === 'zh' ? 'en' : 'zh'),
      lock: () => this.desk.lock(),
      help: () => openSheet(this.desk),
    });
    if (id in commands) return commands[id]();
    if (id.startsWith('preset_')) return void stage.use('preset', id.slice(7));
    if (['hand', 'window', 'box', 'polygon', 'measure'].includes(id)) return stage.setMode(/** @type {any} */ (id));
    if (['clear', 'alarm', 'unknown'].includes(id)) return this.desk.verdict.choose(id);
    const why = stage.use(id);
    if (why) this.desk.told(t(why));
    return undefined;
  }

  /** @param {number} by 1 is older */
  browse(by) {
    const all = this.desk.store.scanned.sort((one, other) => String(other.made).localeCompare(String(one.made)));
    const at = all.findIndex((picture) => picture === this.desk.stage.main);
    const next = all[at + by];
    if (next) this.desk.recall(next.id);
  }
}
