import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Comparison } from '../../src/screens/web/compare.js';
import { Store } from '../../src/screens/web/store.js';

const FORMAT = { pixels: 4, energies: 1, views: 1, pitch_um: 0, line_um: 0, live: true, raw: true };
const TYPICAL = [{ id: 'typical-1', name: '01 空箱' }, { id: 'typical-2', name: '02 手提箱' }];

function desk(typical = []) {
  const store = new Store();
  store.take({ type: 'hello', typical });
  const begin = (image, number) => store.take({ type: 'image.begin', image, number, format: FORMAT, made: '2026-11-22T08:00:00Z' });
  const asked = [];
  const said = [];
  const stage = { main: null, compared: null, compare: (picture) => (stage.compared = picture) };
  const desk = { store, stage, draw: () => {}, told: (text) => said.push(text) };
  desk.wantIfAbsent = (id) => !store.pictures.has(id) && asked.push(id) && store.wanted.add(id);
  const comparison = new Comparison(desk);
  store.on('begin', (picture) => comparison.began(picture));
  store.on('gone', (id) => comparison.gone(id));
  return { store, stage, comparison, begin, asked, said };
}

test('comparing begins with a typical image, and again with the one of last time', () => {
  const { store, stage, comparison, begin, asked } = desk(TYPICAL);
  begin('a', 1);
  stage.main = store.pictures.get('a');
  comparison.toggle();
  assert.deepEqual([comparison.on, stage.compared, asked], [true, null, ['typical-1']]);
  begin('typical-1', 2 ** 31 + 1);
  assert.equal(stage.compared.id, 'typical-1', 'as soon as it comes');
  comparison.with('typical-2');
  assert.equal(stage.compared.id, 'typical-1', 'until the other one comes');
  begin('typical-2', 2 ** 31 + 2);
  assert.equal(stage.compared.id, 'typical-2');
  comparison.toggle();
  assert.deepEqual([comparison.on, stage.compared], [false, null]);
  comparison.toggle();
  assert.equal(stage.compared.id, 'typical-2');
});

test('without typical images the newest other image is beside', () => {
  const { store, stage, comparison, begin, said } = desk();
  begin('a', 1);
  stage.main = store.pictures.get('a');
  comparison.toggle();
  assert.deepEqual([comparison.on, stage.compared, said.length], [false, null, 1], 'there is none');
  begin('b', 2);
  comparison.toggle();
  assert.equal(stage.compared.id, 'b');
});

test('a typical image never takes the place of the one that is judged', () => {
  const { store, stage, comparison, begin } = desk(TYPICAL);
  begin('a', 1);
  stage.main = store.pictures.get('a');
  assert.ok(comparison.takes('typical-1') && !comparison.takes('a'));
  begin('typical-1', 2 ** 31 + 1);
  assert.deepEqual(store.scanned.map(({ id }) => id), ['a'], 'nor is it among the last images');
  comparison.with('typical-1');
  assert.ok(!comparison.takes('a'), 'the image on the screen is not compared with itself');
});

test('an image that is gone is not waited for', () => {
  const { store, comparison, said } = desk(TYPICAL);
  comparison.toggle();
  store.take({ type: 'gone', image: 'typical-1' });
  assert.deepEqual([comparison.on, comparison.beside, said.length], [false, null, 2]);
});

test('a list that came after the hello is the list', () => {
  const { store } = desk();
  store.take({ type: 'typical', typical: TYPICAL });
  assert.deepEqual([store.typicalName('typical-2'), store.typicalName('a')], ['02 手提箱', null]);
});
