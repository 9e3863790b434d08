// Explanations of column headings, on hover and focus.

import {$, setText} from './dom.js';

let shown = null;

function show(e) {
  shown = e;
  setText($('hint'), e.dataset.hint);
  $('hint').hidden = false;
  const at = e.getBoundingClientRect(), width = $('hint').offsetWidth;
  $('hint').style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  $('hint').style.top = `${at.bottom + 4}px`;
  e.setAttribute('aria-describedby', 'hint');
}

function hide() {
  shown?.removeAttribute('aria-describedby');
  shown = null;
  $('hint').hidden = true;
}

for (const e of document.querySelectorAll('[data-hint]')) {
  e.addEventListener('pointerenter', () => show(e));
  e.addEventListener('focus', () => show(e));
  e.addEventListener('pointerleave', hide);
  e.addEventListener('blur', hide);
}
addEventListener('keydown', event => { if (event.key === 'Escape') hide(); });
addEventListener('scroll', hide, true);
