// The verdict in two steps: choose, then seal. Until it is sealed everything can be undone; after, nothing.

import { act, attemptName } from '../api.js';
import { VERDICTS, changed, cutToBytes, empty, judgement, redone, undone } from '../draft.js';
import { el, fill, say } from '../dom.js';
import { language, t, timeOfDay, word } from '../words.js';

/** @typedef {import('../desk.js').Desk} Desk */

export class VerdictPanel {
  /** @param {HTMLElement} place @param {Desk} desk */
  constructor(place, desk) {
    this.place = place;
    this.desk = desk;
    this.sending = false;
    /** The controls of the open view, once made. @type {ReturnType<VerdictPanel['makeOpen']> | null} */
    this.parts = null;
    /** What the sealed view shows. */
    this.sealedKey = '';
    /** @type {{inspection: string, message: string, code: string} | null} */
    this.refusal = null;
    /** The attempt that nobody answered, so that trying again is the same attempt. @type {{name: string, act: string} | null} */
    this.open = null;
  }

  /** Why nothing can be said, or nothing. */
  why() {
    const { desk } = this;
    const { subject, store } = desk;
    if (!store.live) return t('verdict.not_live');
    if (!subject) return t('verdict.no_subject');
    if (subject.step !== 'reviewing') return t('verdict.not_now', { step: word('step', subject.step) });
    if (!subject.image) return t('verdict.no_image');
    const seen = desk.seen();
    if (!seen) return t('verdict.other_image');
    return '';
  }

  draw() {
    const { desk } = this;
    const said = desk.sealed();
    const own = desk.store.desk(desk.subject)?.standing;
    const over = desk.subject && (said || (own && own !== 'waiting'));
    const key = over ? JSON.stringify([said, own, desk.waiting().length, language(), desk.subject.id]) : '';
    if (over && key !== this.sealedKey) fill(this.place, this.sealedView(said, own));
    else if (!over) this.updateOpen();
    this.sealedKey = key;
  }

  /** @param {any} said @param {string} own */
  sealedView(said, own) {
    const verdict = said?.verdict ?? (own === 'given' ? null : own);
    const { desk } = this;
    const next = desk.waiting().length;
    return [
      el('h2', {}, t('verdict.title')),
      el('div', { class: 'sealed' },
        verdict && el('p', { class: `said ${verdict}` }, word('standing', verdict)),
        !verdict && el('p', { class: 'said' }, word('standing', own)),
        el('p', { class: 'dim' }, own === 'not_reviewed' ? t('verdict.timed_out') : said?.at ? t('verdict.sealed_at', { time: timeOfDay(said.at) }) : t('verdict.sealed')),
        said?.note && el('p', {}, said.note),
      ),
      el('button', { class: 'seal', id: 'next', disabled: next === 0, onclick: () => desk.next() }, next > 0 ? t('verdict.next', { count: next }) : t('verdict.none_waits')),
    ];
  }

  /** The controls, made once: whoever types a note is not interrupted by what the daemon tells. */
  makeOpen() {
    const { desk } = this;
    const note = /** @type {HTMLTextAreaElement} */ (el('textarea', { id: 'note', rows: 1 }));
    note.addEventListener('change', () => desk.change(changed(desk.draft, { note: cutToBytes(note.value) })));
    const button = (/** @type {Record<string, any>} */ given) => /** @type {HTMLButtonElement} */ (el('button', given));
    const [undo, redo] = [
      button({ id: 'undo', onclick: () => desk.change(undone(desk.draft)) }),
      button({ id: 'redo', onclick: () => desk.change(redone(desk.draft)) }),
    ];
    const choices = VERDICTS.map((verdict) => button({ id: `verdict-${verdict}`, class: verdict, role: 'radio', onclick: () => this.choose(verdict) }));
    const title = el('span');
    const choice = el('div', { class: 'verdict-choice', role: 'radiogroup' }, choices);
    // Above the buttons: the panel grows upwards, and nothing moves under a finger.
    const refusal = el('p', { class: 'refusal', role: 'alert', id: 'verdict-refusal' });
    const seal = button({ class: 'main seal', id: 'seal', onclick: () => this.seal() });
    const why = el('p', { class: 'dim', id: 'verdict-why' });
    const head = el('h2', {}, title, el('span', { class: 'history' }, undo, redo));
    return { all: [refusal, why, head, choice, note, seal], title, undo, redo, choice, choices, note, refusal, seal, why };
  }

  updateOpen() {
    const { desk } = this;
    const { said, past, future } = desk.draft;
    const why = this.why();
    this.parts ??= this.makeOpen();
    const { title, undo, redo, choice, choices, note, refusal, seal } = this.parts;
    if (this.place.firstChild !== this.parts.all[0]) fill(this.place, this.parts.all);
    say(title, t('verdict.title'));
    for (const [button, sign, command, stack, keys] of /** @type {const} */ ([[undo, '↶', 'tool.undo', past, 'Ctrl+Z'], [redo, '↷', 'tool.redo', future, 'Ctrl+Y']])) {
      say(button, sign);
      button.disabled = stack.length === 0;
      button.title = `${t(command)} ${keys}`;
      button.setAttribute('aria-label', t(command));
    }
    choice.setAttribute('aria-label', t('verdict.title'));
    choices.forEach((button, at) => {
      const label = word('standing', VERDICTS[at]);
      if (button.firstChild?.textContent !== label) fill(button, label, el('span', { class: 'key', 'aria-hidden': 'true' }, String(at + 1)));
      button.setAttribute('aria-checked', String(said.verdict === VERDICTS[at]));
      button.disabled = why !== '' || this.sending;
    });
    note.setAttribute('aria-label', t('verdict.note'));
    note.placeholder = t('verdict.note_hint');
    note.disabled = !desk.subject || this.sending;
    if (document.activeElement !== note && note.value !== said.note) note.value = said.note;
    const mine = this.refusal?.inspection === desk.subject?.id;
    say(refusal, (mine && this.refusal?.message) || '');
    seal.disabled = why !== '' || this.sending || said.verdict === null;
    say(seal, said.verdict === null ? t('verdict.choose_first') : t('verdict.seal', { verdict: word('standing', said.verdict) }));
    say(this.parts.why, desk.subject || !desk.store.live ? why : '');
    this.parts.why.hidden = this.parts.why.textContent === '';
  }

  /** @param {string} verdict */
  choose(verdict) {
    if (this.why() || this.sending || this.desk.sealed()) return;
    const { draft } = this.desk;
    this.desk.change(changed(draft, { verdict: draft.said.verdict === verdict ? null : verdict }));
  }

  async seal() {
    const { desk } = this;
    const note = this.parts?.note;
    if (note) desk.change(changed(desk.draft, { note: cutToBytes(note.value) }));
    const image = desk.seen();
    if (this.why() || this.sending || desk.draft.said.verdict === null || !image) return;
    const inspection = desk.subject.id;
    const said = desk.draft.said;
    const judged = judgement(desk.draft, inspection, image);
    const key = JSON.stringify(judged);
    if (this.open?.act !== key) this.open = { name: attemptName(), act: key };
    this.sending = true;
    this.refusal = null;
    this.draw();
    const reply = await act(judged, this.open.name);
    this.sending = false;
    if (reply.status !== 0) this.open = null;
    if (reply.ok) {
      desk.keepSealed(inspection, { ...said, at: desk.store.now() });
      desk.draft = empty();
      desk.told(t('verdict.told', { verdict: word('standing', said.verdict) }));
    } else {
      this.refusal = { inspection, message: reply.message, code: reply.code };
      desk.refused(reply);
    }
    desk.draw();
    document.getElementById(reply.ok ? 'next' : 'seal')?.focus();
  }
}
