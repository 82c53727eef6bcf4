import assert from 'node:assert/strict';
import { test } from 'node:test';
import { within } from '../../src/screens/web/address.js';
import { attemptName } from '../../src/screens/web/api.js';
import { COMMANDS, commandOf, nameOf } from '../../src/screens/web/commands.js';
import { offered } from '../../src/screens/web/panels/examination.js';
import { inOrder } from '../../src/screens/web/panels/queue.js';
import { strength } from '../../src/screens/web/panels/stats.js';
import { urgency } from '../../src/screens/web/panels/subject.js';
import { backOff } from '../../src/screens/web/socket.js';
import { Store } from '../../src/screens/web/store.js';

const press = (key, more = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });
const HERE = { typing: false, letters: true };

test('no two commands have the same keys, and each is found by them', () => {
  assert.equal(new Set(COMMANDS.map(({ keys }) => keys)).size, COMMANDS.length);
  assert.equal(commandOf(press('c'), HERE).id, 'material');
  assert.equal(commandOf(press('H', { shiftKey: true }), HERE).id, 'hold');
  assert.equal(commandOf(press('?', { shiftKey: true }), HERE).id, 'help');
  assert.equal(commandOf(press('=', {}), HERE).id, 'zoom_in');
  assert.equal(commandOf(press('Z', { ctrlKey: true, shiftKey: true }), HERE).id, 'redo');
  assert.equal(nameOf(press('a', { altKey: true })), '', 'the browser has these');
});

test('who types a note presses no command but sealing, and single keys can be switched off', () => {
  const typing = { typing: true, letters: true };
  for (const event of [press('1'), press('z', { ctrlKey: true }), press('PageUp'), press('?')]) assert.equal(commandOf(event, typing), null, event.key);
  assert.equal(commandOf(press('Enter', { ctrlKey: true }), typing).id, 'seal');
  const off = { typing: false, letters: false };
  assert.equal(commandOf(press('1'), off), null);
  assert.equal(commandOf(press('H', { shiftKey: true }), off), null);
  assert.equal(commandOf(press('z', { ctrlKey: true }), off).id, 'undo');
});

test('an address takes nobody anywhere but to a desk', () => {
  assert.equal(within('/desk/xr1/customs'), '/desk/xr1/customs');
  for (const away of [null, '', '/', '//evil.example/desk/a/b', 'https://evil.example', '/desk/xr1/customs/../..', 'javascript:alert(1)', '/desk/a/b?x', '/desk/a/b#x', '/desk/a%2f/b']) {
    assert.equal(within(away), null, String(away));
  }
});

test('each step of a joint examination offers what comes next and nothing else', () => {
  const holds = [{ agency: 'customs', reasons: ['alarm'] }];
  const at = (examination, more = {}) => offered({ step: 'held', holds, desks: [], examination, ...more }, 'customs');
  const me = { agency: 'customs', found: null, closed: false };
  assert.deepEqual(at(null), ['begin']);
  assert.deepEqual(at({ stage: 'called', called: ['customs', 'ciq'], missing: ['customs', 'ciq'], parties: [] }), ['begin', 'arrive']);
  assert.deepEqual(at({ stage: 'called', called: ['customs', 'ciq'], missing: ['ciq'], parties: [me] }), []);
  assert.deepEqual(at({ stage: 'called', called: ['customs'], missing: [], parties: [me] }), ['open']);
  assert.deepEqual(at({ stage: 'opened', called: ['customs'], missing: [], parties: [me] }), ['finding']);
  const found = { ...me, found: 'blade' };
  assert.deepEqual(at({ stage: 'opened', called: ['customs'], missing: [], parties: [found] }), ['finding', 'close', 'disposition', 'hand_over']);
  assert.deepEqual(at({ stage: 'ended', called: ['customs'], missing: [], parties: [{ ...found, closed: true }] }), ['disposition', 'hand_over']);
  const nothing = { ...me, found: 'nothing', closed: true };
  assert.deepEqual(at({ stage: 'ended', called: ['customs'], missing: [], parties: [nothing] }), ['disposition']);
  assert.deepEqual(at(null, { holds: [] }), [], 'who neither holds nor doubts calls nobody');
  const handed = { stage: 'ended', called: ['ciq'], missing: [], parties: [], handed_over: [{ from: 'ciq', to: 'customs', found: 'food', accepted: false }] };
  assert.deepEqual(at(handed, { holds: [] }), ['accept:ciq']);
  assert.deepEqual(at({ ...handed, handed_over: [{ ...handed.handed_over[0], accepted: true }] }, { holds: [] }), ['disposition']);
});

test('time grows urgent towards its end', () => {
  assert.deepEqual([90000, 31000, 30000, 10000, 0].map((left) => urgency(left, 90000)), ['', '', 'warn', 'bad', 'bad']);
  assert.equal(urgency(29000, 300000), 'bad', 'a tenth of a long time');
});

test('kappa is called as it usually is', () => {
  assert.deepEqual([-0.1, 0, 0.2, 0.3, 0.5, 0.7, 0.9].map(strength), ['poor', 'slight', 'slight', 'fair', 'moderate', 'substantial', 'almost_perfect']);
});

test('attempts to connect come soon at first, then every few seconds, and not all desks at once', () => {
  assert.ok(backOff(0, 0.5) <= 250 && backOff(99, 1) <= 5000 && backOff(3, 0) < backOff(3, 1));
});

test('an attempt has a name of its own', () => {
  const names = new Set(Array.from({ length: 100 }, attemptName));
  assert.equal(names.size, 100);
  for (const name of names) assert.match(name, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
});

const FORMAT = { pixels: 1, energies: 1, views: 1, pitch_um: 0, line_um: 0, live: true, raw: true };
const begin = (image, number) => ({ type: 'image.begin', image, number, format: FORMAT, made: '2026-11-22T00:00:00Z' });
const line = (number, first) => ({ number, view: 0, energies: 1, step: 1, first, count: 1, pixels: 1, mask: new Uint8Array(4), samples: Uint16Array.of(first + 1) });

test('after a restart of the daemon a number means another image and no line goes to the wrong one', () => {
  const store = new Store();
  store.take({ type: 'hello', now: '2026-11-22T00:00:00Z', me: { agency: 'customs' } });
  store.take(begin('a', 1));
  store.lines(line(1, 0), 0);
  store.take({ type: 'hello', now: '2026-11-22T00:00:00Z', me: { agency: 'customs' } });
  store.lines(line(1, 5), 0);
  assert.equal(store.pictures.get('a').lines, 1, 'nobody has begun a number 1 on this connection');
  store.take(begin('b', 1));
  store.lines(line(1, 1), 0);
  assert.deepEqual([store.pictures.get('a').lines, store.pictures.get('b').lines], [1, 2]);
  assert.equal(store.newest.id, 'b');
});

test('an image that somebody asked for is no newer than the live one', () => {
  const store = new Store();
  store.take(begin('live', 7));
  store.wanted.add('old');
  store.take(begin('old', 2 ** 31 + 1));
  assert.equal(store.newest.id, 'live');
  store.take({ type: 'image.end', image: 'old', number: 2 ** 31 + 1, outcome: { lines: 0, filled: 0, flaws: [] } });
  assert.notEqual(store.pictures.get('old').outcome, null);
});

test('a page keeps so many images and never lets one go that is on the screen', () => {
  const store = new Store();
  store.keeps = (id) => id === 'i0';
  for (let at = 0; at < 40; at += 1) store.take(begin(`i${at}`, at));
  assert.ok(store.pictures.size <= 25 && store.pictures.has('i0') && store.pictures.has('i39') && !store.pictures.has('i1'));
});

test('a desk is asked for a verdict while it waits and not after it gave one', () => {
  const store = new Store();
  store.take({ type: 'hello', me: { agency: 'customs' } });
  const desks = (standing) => [{ agency: 'customs', standing }, { agency: 'ciq', standing: 'hidden' }];
  assert.equal(store.waits({ step: 'reviewing', desks: desks('waiting') }), true);
  assert.equal(store.waits({ step: 'reviewing', desks: desks('given') }), false);
  assert.equal(store.waits({ step: 'held', desks: desks('waiting') }), false);
  assert.equal(store.waits({ step: 'reviewing', desks: desks('waiting'), mine: { verdict: 'clear' } }), false);
});

test('the queue begins with what waits for this desk and ends with what is done', () => {
  const store = new Store();
  const desks = (standing) => [{ agency: 'customs', standing }];
  const subject = (id, step, standing) => ({ id, step, desks: desks(standing) });
  store.take({ type: 'hello', me: { agency: 'customs' } });
  store.take({ type: 'state', subjects: [subject('a', 'released', 'clear'), subject('b', 'held', 'alarm'), subject('c', 'reviewing', 'given'), subject('d', 'awaiting_scan', 'waiting'), subject('e', 'reviewing', 'waiting')] });
  assert.deepEqual(inOrder(store).map(({ id }) => id), ['e', 'c', 'd', 'b', 'a']);
});
