// Elements made of plain values. Text is only ever text: nothing here reads markup, so what a plate, a name or a note
// contains can be shown as it is.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @typedef {Node | string | null | undefined | false} Child
 * @typedef {Record<string, string | number | boolean | null | undefined | EventListener>} Given
 */

/**
 * `on…` keys are listeners, `true` is an attribute without a value, `false` and nothing leave it out.
 * @param {Element} element
 * @param {Given} given
 */
function give(element, given) {
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
}

/**
 * @param {string} tag
 * @param {Given} [given]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function el(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  give(element, given);
  element.append(...present(children));
  return element;
}

/**
 * @param {string} tag
 * @param {Given} [given]
 * @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function svg(tag, given = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  give(element, given);
  element.append(...present(children));
  return element;
}

/** @param {(Child | Child[])[]} children @returns {(Node | string)[]} */
function present(children) {
  return /** @type {(Node | string)[]} */ (children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

/**
 * Replaces what stands in `place` and leaves the keyboard where it was: elements that may hold it carry an id.
 * @param {Element} place
 * @param {...(Child | Child[])} children
 */
export function fill(place, ...children) {
  const focused = document.activeElement;
  const id = focused !== null && focused !== place && place.contains(focused) ? focused.id : '';
  place.replaceChildren(...present(children));
  if (id) document.getElementById(id)?.focus();
}

/** @param {string} id @returns {any} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * Sets text only where it differs, so that a screen reader is not told the same twice.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
