// The page of package debug. It receives the tree as rows by path, and the events as
// a log. Everything else is derived from these two.

import {$, setText} from './dom.js';
import {apply, now, rows, top, trouble} from './model.js';
import {censusText, coarse, many} from './format.js';
import {drawTree} from './tree.js';
import {drawTrouble} from './trouble.js';
import {drawChild} from './child.js';
import {drawLog} from './log.js';
import {drawState, loadState, showContexts} from './state.js';
import './hint.js';

let source = null, lastID = '', lost = 0;

function connect() {
  source = new EventSource('events' + (lastID ? `?after=${encodeURIComponent(lastID)}` : ''));
  source.onmessage = event => {
    lastID = event.lastEventId;
    lost = 0;
    const m = JSON.parse(event.data);
    apply(m);
    if (m.session) showContexts();
    connection(m.error ? `tree unavailable: ${m.error}` : '', !m.error);
    redraw();
  };
  source.onerror = () => {
    lost ||= Date.now();
    connection('connection lost, reconnecting', false);
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000); // the browser does not reconnect after an HTTP error
  };
}

function connection(text, live) {
  setText($('connection'), text || 'live');
  $('connection').className = live ? 'live' : 'lost';
}

const tabs = ['tree', 'events', 'state'];

export function tab(name) {
  for (const t of tabs) {
    const on = t === name;
    $(`tab-${t}`).setAttribute('aria-selected', String(on));
    $(`tab-${t}`).tabIndex = on ? 0 : -1;
    $(`view-${t}`).hidden = !on;
  }
  drawAll();
  loadState();
}
for (const t of tabs) $(`tab-${t}`).addEventListener('click', () => tab(t));
$('tabs').addEventListener('keydown', event => {
  const shown = tabs.filter(t => !$(`tab-${t}`).hidden), i = shown.findIndex(t => $(`tab-${t}`).getAttribute('aria-selected') === 'true');
  const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (!step) return;
  const next = shown[(i + step + shown.length) % shown.length];
  tab(next);
  $(`tab-${next}`).focus();
});

function drawHead() {
  const r = rows.get(top);
  if (!r) return;
  setText($('title'), r.id);
  const bad = trouble().filter(f => f.bad > 1).length;
  document.title = (bad ? `(${bad}) ` : '') + r.id;
  const states = [r.state === 'running' ? `up ${coarse(now() - r.since)}` : r.state, many(rows.size - 1, 'child'), censusText(null)].filter(Boolean).join(' · ');
  setText($('states'), states);
}

export function drawAll() {
  drawHead();
  drawTrouble();
  if (!$('view-tree').hidden) { drawTree(); drawChild(); }
  drawLog();
  drawState();
}

let pending = false;
/** redraw draws everything once before the next frame, however often it is called. */
export function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; drawAll(); });
}

setInterval(redraw, 1000); // for relative times
addEventListener('resize', () => { $('trouble-list').style.minHeight = ''; redraw(); });
connect();
