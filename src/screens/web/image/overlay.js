// What is drawn over the pictures: marks, a measurement, lost lines at the edge, which view it is.

import { fill, svg } from '../dom.js';
import { t, word } from '../words.js';
import { corners } from '../draft.js';
import { aspectOf, measured, toScreen } from './place.js';

export class Overlay {
  /** @param {SVGSVGElement} root @param {import('./stage.js').Stage} stage */
  constructor(root, stage) {
    this.root = root;
    this.stage = stage;
    /** Marks of the picture on the left. @type {{regions: import('../draft.js').Region[], sealed: boolean}} */
    this.marks = { regions: [], sealed: false };
    /** What other desks had marked, shared from a joint examination on. @type {{name: string, regions: import('../draft.js').Region[]}[]} */
    this.shared = [];
    this.chosen = -1;
    /** What is being drawn: corners in picture coordinates. @type {{pane: {slot: string, view: number}, kind: string, points: number[][]} | null} */
    this.growing = null;
    /** @type {{slot: string, picture: string, view: number, from: number[], to: number[]} | null} */
    this.measure = null;
    this.cross = false;
    /** @type {WeakMap<object, {version: number, ranges: [number, number][]}>} */
    this.filled = new WeakMap();
  }

  draw() {
    const { width, height } = this.stage.host.getBoundingClientRect();
    this.root.setAttribute('viewBox', `0 0 ${Math.max(1, width)} ${Math.max(1, height)}`);
    fill(this.root, this.stage.panes.map((pane, at) => this.pane(pane, at)));
  }

  /** @param {import('./stage.js').StagePane} pane @param {number} at */
  pane(pane, at) {
    const { rect, slot, view, picture } = pane;
    const clip = `clip-${at}`;
    const { x, y, width, height } = rect;
    const several = this.stage.panes.length > 1;
    const title = [
      slot === 'compare' ? t('stage.compared', { number: picture.number }) : '',
      picture.format.views > 1 ? t('stage.view', { view: view + 1 }) : '',
    ].filter(Boolean).join(' · ');
    return svg('g', {},
      svg('clipPath', { id: clip }, svg('rect', { x, y, width, height })),
      svg('g', { 'clip-path': `url(#${clip})` },
        this.lost(pane),
        slot === 'main' && this.foreign(pane),
        slot === 'main' && this.regions(pane),
        this.growing && this.growing.pane.slot === slot && this.growing.pane.view === view && this.shape(pane, this.growing),
        this.measure && this.measure.slot === slot && this.measure.picture === picture.id && this.measure.view === view && this.length(pane, this.measure.from, this.measure.to),
        this.cross && at === Math.min(this.stage.active, this.stage.panes.length - 1) && crosshair(rect),
        title && text(x + 10, y + height - 12, title, 'pane-title'),
      ),
      several && svg('rect', { x: x + 0.5, y: y + 0.5, width: width - 1, height: height - 1, class: at === this.stage.active ? 'pane active' : 'pane' }),
    );
  }

  /** @param {import('./stage.js').StagePane} pane @param {number[]} point */
  at({ place, rect, picture }, point) {
    const [x, y] = toScreen(place, aspectOf(picture.format), rect, point);
    return [x + rect.x, y + rect.y];
  }

  /** @param {import('./stage.js').StagePane} pane @param {number[][]} points */
  points(pane, points) {
    return points.map((point) => this.at(pane, point).map((value) => value.toFixed(1)).join(',')).join(' ');
  }

  /** Lost lines: a tick at both ends of the detector. @param {import('./stage.js').StagePane} pane */
  lost(pane) {
    const view = pane.picture.views[pane.view];
    let known = this.filled.get(view);
    if (!known || known.version !== view.version) {
      known = { version: view.version, ranges: view.filledRanges() };
      this.filled.set(view, known);
    }
    const { pixels } = pane.picture.format;
    const deep = 7 / pane.place.zoom;
    return known.ranges.slice(0, 500).flatMap(([from, to]) => {
      const least = 2 / (pane.place.zoom * aspectOf(pane.picture.format)); // a single line of a long image stays visible
      const end = Math.max(to, from + least);
      return [[0, -deep], [pixels, pixels + deep], [0, deep * 0.4], [pixels, pixels - deep * 0.4]].map(([inner, outer]) =>
        svg('polygon', { class: 'lost', points: this.points(pane, [[from, inner], [end, inner], [end, outer], [from, outer]]) }));
    });
  }

  /** @param {import('./stage.js').StagePane} pane */
  regions(pane) {
    return this.marks.regions.flatMap((region, at) => {
      if (region.view !== pane.view) return [];
      const outline = corners(region);
      const points = this.points(pane, outline);
      const ends = outline.map((corner) => this.at(pane, corner));
      const [x, y] = [Math.min(...ends.map((end) => end[0])), Math.min(...ends.map((end) => end[1]))];
      const { x: left, y: top, width } = pane.rect;
      const place = [Math.min(left + width - 120, Math.max(left + 4, x)), Math.max(top + 16, y - 6)];
      const state = at === this.chosen ? ' chosen' : '';
      return [
        svg('polygon', { points, class: 'mark-under' }),
        svg('polygon', { points, class: `mark${state}` }),
        text(place[0], place[1], `${at + 1} ${word('category', region.category)}`, `mark-name${state}`),
      ];
    });
  }

  /** @param {import('./stage.js').StagePane} pane */
  foreign(pane) {
    return this.shared.flatMap(({ name, regions }) => regions.filter((region) => region.view === pane.view).flatMap((region) => {
      const points = this.points(pane, corners(region));
      const [x, y] = this.at(pane, corners(region)[0]);
      return [svg('polygon', { points, class: 'mark-under' }), svg('polygon', { points, class: 'mark shared' }), text(x + 4, y + 16, `${name} ${word('category', region.category)}`, 'mark-name shared')];
    }));
  }

  /** @param {import('./stage.js').StagePane} pane @param {{kind: string, points: number[][]}} growing */
  shape(pane, { kind, points }) {
    if (kind === 'measure') return points.length > 1 ? this.length(pane, points[0], points[1]) : this.dot(pane, points[0]);
    if (kind === 'box' && points.length > 1) {
      const [[x, y], [u, v]] = points;
      return svg('polygon', { class: 'growing', points: this.points(pane, [[x, y], [u, y], [u, v], [x, v]]) });
    }
    return [svg('polyline', { class: 'growing', points: this.points(pane, points) }), ...points.map((point) => this.dot(pane, point))];
  }

  /** @param {import('./stage.js').StagePane} pane @param {number[]} point */
  dot(pane, point) {
    const [x, y] = this.at(pane, point);
    return svg('circle', { cx: x.toFixed(1), cy: y.toFixed(1), r: 4, class: 'growing-corner' });
  }

  /** @param {import('./stage.js').StagePane} pane @param {number[]} from @param {number[]} to */
  length(pane, from, to) {
    const [[x, y], [u, v]] = [this.at(pane, from), this.at(pane, to)];
    const { value, unit } = measured(from, to, pane.picture.format);
    const line = { x1: x.toFixed(1), y1: y.toFixed(1), x2: u.toFixed(1), y2: v.toFixed(1) };
    return [
      svg('line', { ...line, class: 'measure-under' }),
      svg('line', { ...line, class: 'measure' }),
      this.dot(pane, from),
      this.dot(pane, to),
      text(u + 10, v - 8, `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`, 'measure-name'),
    ];
  }
}

/** @param {number} x @param {number} y @param {string} content @param {string} kind */
function text(x, y, content, kind) {
  return svg('text', { x: x.toFixed(1), y: y.toFixed(1), class: kind }, content);
}

/** @param {{x: number, y: number, width: number, height: number}} rect */
function crosshair({ x, y, width, height }) {
  const [cx, cy] = [x + width / 2, y + height / 2];
  return ['cross-under', 'cross'].map((kind) =>
    svg('path', { class: kind, d: `M${cx - 16} ${cy}h12m8 0h12M${cx} ${cy - 16}v12m0 8v12` }));
}
