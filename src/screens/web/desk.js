// The desk: what is looked at, what is said of it, and who hears of it. Panels draw; this decides.

import { Actions } from './actions.js';
import { act, call } from './api.js';
import { Comparison } from './compare.js';
import { boxBetween, empty, inherited, isEmpty, marked, polygonOf } from './draft.js';
import { byId, el, fill, say } from './dom.js';
import { Pointer } from './image/pointer.js';
import { Stage, extentOf } from './image/stage.js';
import { drawExamination } from './panels/examination.js';
import { ask } from './panels/forms.js';
import { drawHolds } from './panels/holds.js';
import { lockScreen } from './panels/lock.js';
import { drawNext, drawTold, stop } from './panels/next.js';
import { noPicture } from './panels/no-picture.js';
import { drawMarks } from './panels/marks.js';
import { drawQueue, tickQueue } from './panels/queue.js';
import { drawRecall } from './panels/recall.js';
import { drawDesks, drawPapers, drawSubject, shortId, tickSubject } from './panels/subject.js';
import { drawToolbar } from './panels/toolbar.js';
import { drawTop, tickTop } from './panels/top.js';
import { VerdictPanel } from './panels/verdict.js';
import { WindowBar } from './panels/window-bar.js';
import { decodeLines, decodeText } from './protocol.js';
import { Connection } from './socket.js';
import { Sound } from './sound.js';
import { Store } from './store.js';
import { theme } from './theme.js';
import { apply, language, onLanguage, t, timeOfDay, word } from './words.js';

const LETTERS = 'portside.letters';
const SEALED_SEEN_MS = 2500;
const HERE_MS = 20000;

export class Desk {
  constructor() {
    this.store = new Store();
    this.sound = new Sound();
    this.stage = new Stage(byId('stage'), this.store);
    this.draft = empty();
    /** Drafts of subjects that somebody turned away from, and what was sealed here. @type {Map<string, import('./draft.js').Draft>} */
    this.drafts = new Map();
    /** @type {Map<string, any>} */
    this.said = new Map();
    /** The subject somebody chose, if not the one that waits. @type {string | null} */
    this.chosen = null;
    this.subjectId = '';
    /** An image somebody called back, in place of the subject's. @type {string | null} */
    this.called = null;
    this.comparison = new Comparison(this);
    /** The image of the subject that was drawn here, as the daemon is told. @type {string} */
    this.toldShown = '';
    /** The newest image of each subject that was looked at, with its revision. @type {Map<string, {id: string, revision: number}>} */
    this.looked = new Map();
    /** When a verdict was sealed here last: what was said stays in sight before the next subject comes. */
    this.sealedAt = -Infinity;
    this.hereAt = -Infinity;
    this.letters = localStorage.getItem(LETTERS) !== '0';
    this.locked = false;
    /** A hand-over is under way: that the session ends is no reason to leave. */
    this.handing = false;
    /** The answer to a stop. @type {{text: string, ok: boolean, until: number} | null} */
    this.notice = null;
    this.actions = new Actions(this);
    this.verdict = new VerdictPanel(byId('verdict'), this);
    this.windowBar = new WindowBar(byId('window-bar'), this);
    this.pointer = new Pointer(this.stage, {
      shape: (kind, view, points) => this.shape(kind, view, points),
      point: (pane, point) => this.windowBar.point(pane, point),
      mayMark: () => this.mayMark(),
    });
    /** @type {Record<string, string>} what each panel showed */
    this.drawn = {};
    this.listen();
    const url = new URL(`${location.pathname.replace(/\/$/, '')}/live`, location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    this.connection = new Connection(url.href, {
      message: (data, at) => this.heard(data, at),
      live: (live) => this.setLive(live),
      refused: () => this.who(),
      misunderstood: () => (this.hereAt = Infinity), // an older daemon: saying it again would end every connection
    });
    this.draw();
  }

  listen() {
    const { store, stage } = this;
    for (const what of ['hello', 'link', 'typical', 'materials']) store.on(what, () => this.draw());
    store.on('gone', (id) => this.comparison.gone(id));
    store.on('state', (before) => this.changedState(before));
    store.on('begin', (picture) => this.began(picture));
    store.on('end', (picture) => {
      this.draw();
      const flaws = picture.outcome.flaws.map((/** @type {string} */ flaw) => word('flaw', flaw));
      if (flaws.length > 0) this.told(flaws.join('; '));
    });
    stage.addEventListener('picture', () => this.draw());
    stage.addEventListener('tools', () => {
      this.draw();
      this.windowBar.draw();
    });
    stage.addEventListener('frame', () => this.framed());
    onLanguage(() => this.redrawAll());
    addEventListener('keydown', (event) => this.actions.key(event));
    addEventListener('theme', () => this.draw());
    for (const sign of ['pointerdown', 'pointermove', 'keydown', 'wheel']) addEventListener(sign, () => this.here(), { passive: true, capture: true });
    setInterval(() => this.tick(), 500);
  }

  /** @param {string | ArrayBuffer} data @param {number} at */
  heard(data, at) {
    try {
      if (typeof data === 'string') this.store.take(decodeText(data));
      else this.store.lines(decodeLines(data), at);
    } catch (error) {
      console.warn('a frame of the daemon is not understood:', error);
    }
  }

  /** @param {boolean} live */
  setLive(live) {
    this.store.live = live;
    if (live) {
      this.locked = false;
      document.getElementById('lock')?.remove();
    }
    byId('stage').classList.toggle('dead', !live);
    byId('stage-dead').hidden = live;
    const last = this.store.now();
    fill(byId('stage-dead'), el('div', {}, el('strong', {}, t('top.not_live')), el('span', {}, t('dead.about', { time: last === null ? '–' : timeOfDay(last) }))));
    say(byId('urgent'), live ? '' : t('dead.said'));
    if (live) this.told(t('dead.back'));
    this.redrawAll();
  }

  /** Somebody is here: the idle lock of the daemon is to know, now and then. */
  here() {
    const now = performance.now();
    if (now - this.hereAt < HERE_MS || !this.store.live) return;
    this.hereAt = now;
    this.connection.send({ type: 'here' });
  }

  /** Why the connection does not come: asks who is here. */
  async who() {
    if (this.handing) return undefined;
    const reply = await call('/api/me');
    if (reply.body.standing === 'none' || reply.status === 401) return this.login();
    if (reply.body.standing === 'locked') this.lockedNow();
    return undefined;
  }

  login() {
    location.assign(`/login?to=${encodeURIComponent(location.pathname)}`);
  }

  lockedNow() {
    this.locked = true;
    lockScreen(this);
  }

  unlocked() {
    this.locked = false;
    this.connection.retry(0);
    this.draw();
  }

  /** The subject on the screen. */
  get subject() {
    return this.store.subjects.find((/** @type {any} */ one) => one.id === this.subjectId) ?? null;
  }

  /** Subjects that wait for this desk. */
  waiting() {
    return this.store.subjects.filter((/** @type {any} */ one) => this.store.waits(one) && !this.said.has(one.id));
  }

  /** Which subject belongs on the screen: the one somebody chose, the one being judged, the first that waits. */
  pick() {
    const { subjects } = this.store;
    const there = (/** @type {string | null} */ id) => subjects.some((/** @type {any} */ one) => one.id === id);
    if (!there(this.chosen)) this.chosen = null;
    const waiting = this.waiting();
    const current = this.subjectId;
    const judging = waiting.some((/** @type {any} */ one) => one.id === current) || !isEmpty(this.draft);
    const busy = there(current) && (judging || performance.now() - this.sealedAt < SEALED_SEEN_MS);
    const next = this.chosen ?? (busy ? current : waiting[0]?.id ?? this.scanned() ?? (there(current) ? current : subjects[0]?.id)) ?? '';
    if (next === current) return;
    if (!isEmpty(this.draft)) this.drafts.set(current, this.draft);
    this.draft = this.drafts.get(next) ?? empty();
    this.subjectId = next;
    this.called = null;
    this.stage.overlay.chosen = -1;
  }

  /** The subject in the beam, or whose image is the newest: who has nothing to judge watches that one. */
  scanned() {
    const { subjects, newest } = this.store;
    const inBeam = subjects.filter((/** @type {any} */ one) => one.step === 'awaiting_picture').at(-1);
    return (inBeam ?? (newest && this.subjectOf(newest.id)))?.id ?? null;
  }

  /** Which image belongs on the screen. */
  pickImage() {
    const { store, stage } = this;
    const { subject } = this;
    const picture = (/** @type {string | null | undefined} */ id) => (id ? store.pictures.get(id) ?? null : null);
    if (this.called && !picture(this.called) && !store.wanted.has(this.called)) this.called = null;
    const wanted = this.called ?? (subject ? this.looked.get(subject.id)?.id ?? subject.image?.id ?? subject.images?.at(-1) : null);
    if (wanted && !picture(wanted)) this.want(wanted);
    const busy = subject && (store.waits(subject) && !this.said.has(subject.id));
    const shown = picture(wanted) ?? (busy && wanted ? null : store.newest);
    stage.show(this.called || !subject || busy || !store.newest || store.newest.outcome ? shown : store.newest);
    const sealed = this.sealed();
    const mine = subject && stage.main && (subject.images ?? []).includes(stage.main.id);
    const shared = (subject?.examination?.regions ?? []).filter((/** @type {any} */ one) => one.agency !== store.agency && (!one.image || one.image.id === stage.main?.id));
    stage.overlay.shared = mine ? shared.map((/** @type {any} */ one) => ({ name: store.agencyName(one.agency), regions: one.regions })) : [];
    stage.overlay.marks = mine ? { regions: sealed ? sealed.regions ?? [] : this.draft.said.regions, sealed: Boolean(sealed) } : { regions: [], sealed: true };
  }

  /** @param {string} id */
  want(id) {
    if (this.store.wanted.has(id) || !this.store.live) return;
    this.store.wanted.add(id);
    this.connection.send({ type: 'want', image: id });
  }

  /** What this desk sealed of the subject, from the daemon or from here while it is on its way. */
  sealed() {
    const { subject } = this;
    if (!subject) return null;
    return subject.mine?.verdict ? subject.mine : this.said.get(subject.id) ?? null;
  }

  /** @param {string} inspection @param {any} said */
  keepSealed(inspection, said) {
    this.said.set(inspection, said);
    this.sealedAt = performance.now();
    this.chosen = null;
    this.drafts.delete(inspection);
    if (this.said.size > 100) this.said.delete(/** @type {string} */ (this.said.keys().next().value));
  }

  /** The image that a verdict would name: the newest one that this desk really shows. */
  seen() {
    const { subject, stage } = this;
    if (!subject?.image) return null;
    const looked = this.looked.get(subject.id);
    return looked && stage.main?.id === looked.id ? looked : null;
  }

  /** A newer image of the subject than the one that is judged. */
  newer() {
    const { subject } = this;
    const looked = this.looked.get(subject?.id ?? '');
    return looked && subject.image && subject.image.revision > looked.revision ? subject.image : null;
  }

  showNewer() {
    const { subject } = this;
    if (!subject?.image) return;
    this.looked.delete(subject.id);
    this.called = null;
    this.verdict.refusal = null;
    this.draw();
  }

  /** After each frame: an image that was drawn has been shown. */
  framed() {
    this.windowBar.frame();
    const { subject, stage, store } = this;
    const { main } = stage;
    if (!subject?.image || !main || main.lines === 0 || !store.live || this.locked || main.id !== subject.image.id) return;
    const { id, revision } = subject.image;
    const key = `${subject.id} ${id} ${revision}`;
    if (this.toldShown !== key) this.connection.send({ type: 'shown', image: id, revision });
    this.toldShown = key;
    const looked = this.looked.get(subject.id);
    if (looked && looked.id === id && looked.revision === revision) return;
    this.looked.set(subject.id, { id, revision });
    this.draw();
  }

  /** @param {any} before */
  changedState(before) {
    const { state } = this.store;
    const faults = (state.faults ?? []).filter((/** @type {string} */ fault) => !(before?.faults ?? []).includes(fault));
    const alarms = (/** @type {any} */ of) => (of?.subjects ?? []).reduce((/** @type {number} */ sum, /** @type {any} */ one) =>
      sum + (one.holds?.length ?? 0) + (one.facts?.radiation === 'alarm' ? 1 : 0) + (one.desks ?? []).filter((/** @type {any} */ desk) => desk.standing === 'alarm').length, 0);
    if (before && (faults.length > 0 || alarms(state) > alarms(before))) this.sound.play('alarm');
    for (const fault of before ? faults : []) this.told(word('fault', fault.split(':')[0]));
    const asked = this.waiting().map((/** @type {any} */ one) => one.id);
    const old = new Set((before?.subjects ?? []).map((/** @type {any} */ one) => (this.store.waits(one) ? one.id : '')));
    if (before && asked.some((/** @type {string} */ id) => !old.has(id))) this.told(t('queue.asked', { count: asked.length }));
    for (const id of [...this.said.keys()]) if (!state.subjects.some((/** @type {any} */ one) => one.id === id)) this.said.delete(id);
    for (const id of [...this.looked.keys()]) if (!state.subjects.some((/** @type {any} */ one) => one.id === id)) this.looked.delete(id);
    this.draw();
  }

  /** @param {import('./image/picture.js').Picture} picture */
  began(picture) {
    if (!picture.recalled) {
      this.sound.play('image');
      if (this.store.state) this.told(t('stage.begun', { number: picture.number }));
    }
    this.comparison.began(picture);
    this.draw();
  }

  draw() {
    this.pick();
    this.pickImage();
    const { store, subject, stage } = this;
    this.panel('top', () => drawTop(this), [language(), store.live, store.hello, store.source, store.state?.mode, store.state?.motion, store.state?.beam, store.state?.faults, this.sound.muted, theme()]);
    tickTop(this);
    const common = [language(), store.live, subject, this.sealed()];
    this.panel('subject', drawSubject, common);
    this.panel('told', drawTold, [this.notice?.text]);
    this.panel('next', drawNext, [language(), store.live, store.state?.next]);
    this.panel('desks', drawDesks, common);
    this.panel('papers', drawPapers, common);
    this.panel('holds', drawHolds, common);
    this.panel('examination', drawExamination, common);
    this.panel('marks', drawMarks, [...common, this.draft.said.regions, stage.overlay.chosen]);
    this.panel('queue', drawQueue, [language(), store.subjects, subject?.id, [...this.said.keys()]]);
    this.panel('recall', drawRecall, [language(), stage.main?.id, stage.compared?.id, this.comparison.on, store.typical, [...store.wanted], [...store.pictures.values()].map((picture) => [picture.id, picture.outcome, picture.outcome ? picture.stretched : 0]), store.hello?.images, store.subjects.map((/** @type {any} */ one) => [one.identity, one.images])]);
    this.panel('rail', drawToolbar, [language(), stage.tools, stage.mode, stage.orientation, this.comparison.on, stage.compared?.id, stage.can]);
    this.verdict.draw();
    this.panel('stage-words', () => this.drawStageWords(), [language(), stage.main?.id, stage.main?.outcome, this.called, subject?.id, subject?.image, this.looked.get(subject?.id), stage.compared?.id, stage.main && this.subjectOf(stage.main.id)?.identity]);
    stage.redraw();
  }

  /** Draws a panel where what it shows has changed. @param {string} id @param {(place: HTMLElement, desk: Desk) => void} draw @param {any[]} shown */
  panel(id, draw, shown) {
    const key = JSON.stringify(shown);
    if (this.drawn[id] === key) return;
    this.drawn[id] = key;
    draw(/** @type {HTMLElement} */ (document.getElementById(id)), this);
  }

  redrawAll() {
    this.drawn = {};
    apply();
    this.draw();
    this.windowBar.draw();
  }

  /** What stands on the image area in words: whose image it is, what is wrong with it, a newer one. */
  drawStageWords() {
    const { stage, subject } = this;
    const { main } = stage;
    fill(byId('stage-head'),
      main && el('span', { class: 'chip' }, `${this.titleOf(main)} · ${timeOfDay(main.made)}`),
      main && !main.outcome && el('span', { class: 'chip' }, t('recall.live')),
      main && this.called === main.id && el('span', { class: 'chip warn' }, t('stage.earlier')),
      stage.compared && el('span', { class: 'chip own' }, t('stage.beside', { name: this.titleOf(stage.compared) })),
      main && main.format.energies < 2 && el('span', { class: 'chip' }, t('stage.single')),
      main && !main.format.raw && el('span', { class: 'chip warn' }, t('stage.rendered')),
      (main?.outcome?.flaws ?? []).map((flaw) => el('span', { class: `chip ${flaw === 'gaps' ? 'warn' : 'bad'}` }, word('flaw', flaw))),
      main?.outcome && main.outcome.filled > 0 && el('span', { class: 'chip warn' }, t('stage.filled', { count: main.outcome.filled })),
      main?.missing ? el('span', { class: 'chip bad' }, t('stage.missing', { count: main.missing })) : null,
    );
    const waits = this.subject?.image && !main;
    fill(byId('stage-empty'), main ? null : [el('strong', {}, t(waits ? 'stage.loading' : 'stage.empty')), el('span', {}, t(waits ? 'stage.loading_more' : 'stage.empty_more'))]);
    const newer = this.newer();
    const away = this.called !== null && subject;
    fill(byId('stage-offer'),
      newer && el('div', { class: 'offer' }, el('span', {}, t('stage.newer', { revision: newer.revision })), el('button', { class: 'main', id: 'show-newer', onclick: () => this.showNewer() }, t('stage.show_newer'))),
      !newer && away && el('div', { class: 'offer' }, el('span', {}, t('stage.away')), el('button', { class: 'main', id: 'show-current', onclick: () => this.run('current') }, t('tool.current'))),
    );
  }

  /** What people call an image. @param {import('./image/picture.js').Picture} picture */
  titleOf({ id, number }) {
    return this.store.typicalName(id) ?? this.subjectOf(id)?.identity ?? t('recall.number', { number: number < 2 ** 31 ? number : '' }).trim();
  }

  /** @param {string} image */
  subjectOf(image) {
    return this.store.subjects.find((/** @type {any} */ one) => (one.images ?? []).includes(image)) ?? null;
  }

  /** @param {any} subject */
  nameOf(subject) {
    return subject?.identity ?? shortId(subject?.id ?? '');
  }

  /** Images that can be asked for. */
  recallable() {
    const told = this.store.hello?.images ?? [];
    const bound = this.store.subjects.flatMap((/** @type {any} */ one) => (one.images ?? []).map((/** @type {string} */ image) => ({ image })));
    const all = new Map([...bound, ...told].map((/** @type {any} */ one) => [one.image, one]));
    return [...all.values()];
  }

  agencies() {
    return /** @type {{id: string, name: string}[]} */ (this.store.hello?.agencies ?? []);
  }

  tick() {
    tickTop(this);
    tickSubject(this);
    tickQueue(this);
    if (this.notice && performance.now() > this.notice.until) {
      this.notice = null;
      this.draw();
    }
    if (this.chosen === null && performance.now() - this.sealedAt > SEALED_SEEN_MS && this.waiting().length > 0) this.draw();
    const { main } = this.stage;
    if (main && (!main.outcome || main.stretched > 0)) this.drawn.recall = '';
    this.panel('recall', drawRecall, [main?.lines]);
  }

  /** @param {string} id */
  select(id) {
    this.chosen = id;
    this.called = null;
    this.draw();
  }

  next() {
    const [first] = this.waiting().filter((/** @type {any} */ one) => one.id !== this.subjectId);
    this.sealedAt = -Infinity;
    if (first) this.select(first.id);
    else this.draw();
  }

  /** @param {string} id */
  recall(id) {
    if (this.comparison.takes(id)) return this.comparison.with(id);
    const current = this.subject?.image?.id;
    this.called = id === current ? null : id;
    this.wantIfAbsent(id);
    this.draw();
  }

  /** @param {string} id */
  wantIfAbsent(id) {
    if (!this.store.pictures.has(id)) this.want(id);
  }

  mayMark() {
    const { subject, stage } = this;
    return Boolean(subject && stage.main && !this.sealed() && (subject.images ?? []).includes(stage.main.id));
  }

  /** @param {'box' | 'polygon'} kind @param {number} view @param {number[][]} points */
  shape(kind, view, points) {
    const { main } = this.stage;
    if (!main || !this.mayMark()) return;
    const extent = extentOf(main);
    const shape = kind === 'box' ? boxBetween(points[0], points[1], extent) : polygonOf(points, extent);
    if (!shape) return;
    this.stage.overlay.chosen = this.draft.said.regions.length;
    this.change(marked(this.draft, { view, category: 'other', ...shape }));
    this.told(t('marks.added', { number: this.draft.said.regions.length }));
    document.getElementById(`mark-category-${this.stage.overlay.chosen}`)?.focus();
  }

  /** @param {number} at */
  choose(at) {
    if (this.stage.overlay.chosen === at) return;
    this.stage.overlay.chosen = at;
    this.draw();
  }

  /** @param {import('./draft.js').Draft} draft */
  change(draft) {
    if (draft === this.draft) return;
    this.draft = draft;
    this.verdict.refusal = null;
    if (this.stage.overlay.chosen >= draft.said.regions.length) this.stage.overlay.chosen = -1;
    this.draw();
  }

  /** @param {import('./api.js').Reply} reply */
  refused(reply) {
    if (reply.code === 'no_session') this.login();
    else if (reply.code === 'session_locked') this.lockedNow();
    else if (reply.code === 'stale_image') this.draw();
  }

  /** @param {string} text */
  told(text) {
    const polite = byId('polite');
    polite.textContent = '';
    setTimeout(() => say(polite, text), 50); // the same words twice are to be heard twice
  }

  identify() {
    const inspection = this.subject?.id;
    ask({
      title: t('subject.identify_title'),
      about: t('subject.inspection', { id: shortId(inspection ?? '') }),
      fields: [{ name: 'identity', label: t('subject.identity'), value: this.subject?.identity ?? '' }],
      submit: t('form.record'),
      send: ({ identity }) => act({ verb: 'identify', inspection, identity }),
    });
  }

  async handOver() {
    const reply = await ask({
      title: t('handover.title'),
      about: t('handover.about'),
      fields: [
        { name: 'name', label: t('login.name'), autocomplete: 'username' },
        { name: 'password', label: t('login.password'), kind: 'password', autocomplete: 'current-password' },
      ],
      submit: t('handover.submit'),
      send: async ({ name, password }) => {
        this.handing = true;
        const reply = await call('/api/hand-over', { name, password });
        this.handing = false;
        return reply;
      },
    });
    if (reply) this.takenOver();
  }

  /** Another officer of the agency sits here: the case goes on with marks and notes, and no opinion is inherited. */
  takenOver() {
    this.draft = inherited(this.draft);
    for (const [id, draft] of this.drafts) this.drafts.set(id, inherited(draft));
    this.verdict.refusal = null;
    this.connection.again();
    this.draw();
  }

  async logout() {
    await call('/api/logout', {});
    location.assign('/login');
  }

  stop() {
    stop(this);
  }

  async lock() {
    const reply = await call('/api/lock', {});
    if (reply.ok) this.lockedNow();
    else this.refused(reply);
  }

  /** @param {boolean} on */
  setLetters(on) {
    this.letters = on;
    localStorage.setItem(LETTERS, on ? '1' : '0');
  }

  /** @param {string} id of a command */
  run(id) {
    return this.actions.run(id);
  }
}

apply();
if (!document.createElement('canvas').getContext('webgl2')) {
  noPicture();
} else {
  const desk = new Desk();
  desk.windowBar.draw();
  // For tests: what is really drawn.
  Object.assign(window, {
    portside: {
      /** @param {number} view @param {number} line @param {number} element */
      pixel: (view, line, element) => desk.stage.main && desk.stage.renderer.sample(desk.stage.main, view, line, element),
      get frames() {
        return desk.stage.frames;
      },
      get moved() {
        return desk.stage.renderer.counts.moved;
      },
      /** Draws at once. @param {boolean} anew all of it, and nothing moved */
      draw: (anew) => {
        if (anew) desk.stage.renderer.forget();
        desk.stage.frame();
      },
      get image() {
        const { main } = desk.stage;
        return main && { id: main.id, number: main.number, lines: main.lines, stretched: main.stretched, ended: main.outcome !== null };
      },
    },
  });
}
