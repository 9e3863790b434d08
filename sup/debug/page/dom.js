// Elements of the page.

export const $ = id => document.getElementById(id);

/** el creates an element. Text is never parsed as HTML. */
export function el(tag, props = {}, ...children) {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children);
  return e;
}

/** setText does not touch an element with the same text, so that a selection in it stays. */
export function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

/** visible escapes what a browser would reorder or hide in a path, as in a typed path:
 * %E2%80%AE, say. Ids and errors arrive escaped, and a path must stay as it is to
 * identify a child. */
export const visible = path => path.replace(/(?! )[\p{C}\p{Z}]/gu, c => encodeURIComponent(c));

/** ifChanged draws a part of the page only if its content has changed. */
const drawn = new WeakMap();
export function ifChanged(e, content, draw) {
  const key = JSON.stringify(content);
  if (drawn.get(e) === key) return;
  drawn.set(e, key);
  draw();
}

/** srOnly is text for screen readers only. */
export const srOnly = text => el('span', {className: 'sr-only'}, text);

/** keepFocus restores the focus to the button of the same child or operation. */
export function keepFocus(within, draw) {
  const named = e => e.dataset.path ?? e.dataset.op;
  const name = within.contains(document.activeElement) ? named(document.activeElement) : undefined;
  draw();
  if (name !== undefined) [...within.querySelectorAll('button')].find(e => named(e) === name)?.focus();
}

/** request fetches a URL, and throws the text of an error. */
export async function request(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error((await response.text()).trim());
  return response;
}
