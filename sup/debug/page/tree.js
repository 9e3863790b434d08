// The tree: a row for each child, of which only the visible ones are drawn.

import {$, el, ifChanged, setText, srOnly} from './dom.js';
import {failing, kids, lastError, now, rows, tone, top, version} from './model.js';
import {brief, censusText, coarse, many} from './format.js';
import {answer} from './child.js';
import {drawAll, redraw, tab} from './page.js';

const foldAbove = 200;                                          // a supervisor with more children starts folded
const unfolded = new Map();                                     // choices of the user, by path
let active = '';                                                // path of the row with the keyboard focus
export let chosen = decodeURIComponent(location.hash.slice(1)); // path of the child in the panel
let lines = [], lineOf = new Map(), linesFor = '';
const shownRows = new Map(), spare = [];
let rowID = 0;

const isOpen = path => unfolded.get(path) ?? (kids.get(path)?.length ?? 0) <= foldAbove;

/** list computes the lines of the tree: {path, level, size, pos}. A search keeps the
 * rows that match and the supervisors above them. */
function list() {
  const part = $('search').value.trim().toLowerCase(), only = $('only-failing').checked;
  const key = [version, part, only && Math.floor(now() / 1000), [...unfolded].join()].join('\n');
  if (key === linesFor) return;
  linesFor = key;
  const filtered = part !== '' || only;
  const keep = new Set();
  let hits = 0;
  if (filtered) {
    for (const r of rows.values()) {
      if (only && !failing(r)) continue;
      if (part && !`${r.path} ${r.state} ${r.restart ?? ''} ${r.error ?? ''}`.toLowerCase().includes(part)) continue;
      hits++;
      for (let p = r.path; p && !keep.has(p); p = rows.get(p)?.parent) keep.add(p);
    }
  }
  lines = [];
  const walk = (path, level, pos, size) => {
    lines.push({path, level, pos, size});
    let below = kids.get(path) ?? [];
    if (filtered) below = below.filter(p => keep.has(p));
    if (!below.length || !filtered && !isOpen(path)) return;
    below.forEach((p, i) => walk(p, level + 1, i + 1, below.length));
  };
  if (top && rows.has(top) && (!filtered || keep.has(top))) walk(top, 1, 1, 1);
  lineOf = new Map(lines.map((l, i) => [l.path, i]));
  setText($('found'), filtered ? `${many(hits, 'row')} found` : '');
  if (!lineOf.has(active)) active = lines[0]?.path ?? '';
}

const rowHeight = () => parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row'));

/** drawTree draws the visible lines, and a few around them. */
export function drawTree() {
  list();
  const height = rowHeight(), tree = $('tree'), extra = 8;
  $('rows').style.height = `${lines.length * height}px`;
  const from = Math.max(0, Math.floor(tree.scrollTop / height) - extra);
  const to = Math.min(lines.length, Math.ceil((tree.scrollTop + tree.clientHeight) / height) + extra);
  const wanted = new Set(lines.slice(from, to).map(l => l.path));
  for (const [path, e] of shownRows) {
    if (!wanted.has(path)) { shownRows.delete(path); e.remove(); spare.push(e); }
  }
  let before = null;
  for (let i = from; i < to; i++) {
    const path = lines[i].path;
    let e = shownRows.get(path);
    if (!e) {
      e = spare.pop() ?? el('div', {className: 'row', id: `row-${++rowID}`, role: 'treeitem'});
      shownRows.set(path, e);
    }
    e.style.transform = `translateY(${i * height}px)`;
    drawRow(e, lines[i]);
    const place = before ? before.nextSibling : $('rows').firstChild;
    if (place !== e) $('rows').insertBefore(e, place); // in order, for screen readers
    before = e;
  }
  const current = shownRows.get(active);
  if (current) tree.setAttribute('aria-activedescendant', current.id);
  else tree.removeAttribute('aria-activedescendant');
}

function drawRow(e, l) {
  const r = rows.get(l.path), below = kids.get(l.path)?.length ?? 0, open = below > 0 && lines[lineOf.get(l.path) + 1]?.level > l.level;
  const since = r.since ? coarse(now() - r.since) : '';
  const folded = below && !open ? censusText(l.path) : '';
  e.classList.toggle('active', l.path === active);
  e.setAttribute('aria-selected', String(l.path === chosen));
  const key = [r, l, open, since, folded];
  ifChanged(e, key, () => {
    e.dataset.path = l.path;
    e.setAttribute('aria-level', l.level);
    e.setAttribute('aria-posinset', l.pos);
    e.setAttribute('aria-setsize', l.size);
    if (below) e.setAttribute('aria-expanded', String(open));
    else e.removeAttribute('aria-expanded');
    const name = el('span', {className: 'name'}, el('span', {className: 'twist', ariaHidden: 'true'}, below ? (open ? '▾' : '▸') : ''), r.id);
    name.style.paddingLeft = `${(l.level - 1) * 18}px`;
    if (r.sup) name.append(srOnly(' supervisor '), el('span', {className: 'strategy'}, r.sup.strategy));
    const error = lastError(r), bad = r.exit === 'abnormal';
    const exit = folded || (bad ? error : r.exit ? r.exit + (r.error ? `: ${r.error}` : '') : '');
    e.replaceChildren(
      name,
      el('span', {className: 'state'}, el('span', {className: `badge ${tone[r.state] ?? ''}`}, r.state)),
      el('span', {className: 'since num'}, ...since ? [srOnly(' for '), since] : []),
      el('span', {className: 'incarnation num'}, ...r.incarnation ? [srOnly(' incarnation '), `#${r.incarnation}`] : []),
      el('span', {className: 'restarts num'}, ...restarts(r)),
      el('span', {className: `exit ${bad && !folded ? 'abnormal' : ''}`, title: exit}, ...exit ? [srOnly(folded ? ' children: ' : ' last exit '), exit] : []));
  });
}

/** restarts shows the number of restarts. For a supervisor, and for a child with a
 * budget of its own, it shows the used part of what is allowed. */
function restarts(r) {
  const w = r.sup?.window ?? r.budget, parts = [];
  if (w && w.limit >= 0) parts.push(meter(w), srOnly(' restarts '), `${w.used ?? 0}/${w.limit} in ${brief(w.within)}`);
  else if (w) parts.push(srOnly(' restarts '), 'unlimited');
  else if (r.restarts) parts.push(srOnly(' restarts '), `×${r.restarts}`);
  return parts;
}
function meter(w) {
  const used = w.used ?? 0, part = w.limit ? Math.min(1, used / w.limit) : used ? 1 : 0;
  const bar = el('i');
  bar.style.width = `${part * 100}%`;
  return el('span', {className: `meter ${part >= 1 ? 'bad' : part > 0.5 ? 'warn' : ''}`, ariaHidden: 'true'}, bar);
}

function fold(path, open) {
  if (!kids.get(path)?.length) return;
  unfolded.set(path, open);
  drawTree();
}

function moveTo(i) {
  const l = lines[Math.max(0, Math.min(lines.length - 1, i))];
  if (!l) return;
  active = l.path;
  const height = rowHeight(), tree = $('tree'), y = lineOf.get(active) * height;
  if (y < tree.scrollTop) tree.scrollTop = y;
  else if (y + height > tree.scrollTop + tree.clientHeight) tree.scrollTop = y + height - tree.clientHeight;
  drawTree();
}

export function choose(path) {
  chosen = path;
  if (path) {
    active = path;
    for (let p = rows.get(path)?.parent; p; p = rows.get(p)?.parent) if (!isOpen(p)) unfolded.set(p, true);
    answer('', false);
    $('child-goroutines').replaceChildren();
  }
  history.replaceState(null, '', path ? `#${encodeURIComponent(path)}` : location.pathname + location.search);
  drawAll();
}

/** goTo shows a child in the tree and in the panel. */
export function goTo(path) {
  if (!rows.has(path)) return;
  tab('tree');
  choose(path);
  if (!lineOf.has(path)) { $('search').value = ''; $('only-failing').checked = false; list(); active = path; }
  moveTo(lineOf.get(path) ?? 0);
  $('child-path').focus();
}

$('tree').addEventListener('scroll', () => redraw());
$('tree').addEventListener('click', event => {
  const path = event.target.closest('.row')?.dataset.path;
  if (!path) return;
  active = path;
  if (event.target.closest('.twist')?.textContent) fold(path, !isOpen(path));
  else choose(path);
});
$('tree').addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const i = lineOf.get(active) ?? 0, l = lines[i], page = Math.max(1, Math.floor($('tree').clientHeight / rowHeight()) - 1);
  const open = lines[i + 1]?.level > l?.level;
  const keys = {
    ArrowDown: () => moveTo(i + 1), ArrowUp: () => moveTo(i - 1),
    PageDown: () => moveTo(i + page), PageUp: () => moveTo(i - page),
    Home: () => moveTo(0), End: () => moveTo(lines.length - 1),
    ArrowRight: () => open ? moveTo(i + 1) : fold(active, true),
    ArrowLeft: () => open ? fold(active, false) : moveTo(lineOf.get(rows.get(active)?.parent) ?? i),
    Enter: () => choose(active), ' ': () => choose(active),
    '/': () => $('search').focus(),
  };
  if (keys[event.key]) keys[event.key]();
  else if (event.key.length === 1) {
    const key = event.key.toLowerCase();
    const next = [...lines.slice(i + 1), ...lines.slice(0, i)].find(m => rows.get(m.path).id.toLowerCase().startsWith(key));
    if (!next) return;
    moveTo(lineOf.get(next.path));
  } else return;
  event.preventDefault();
});
for (const id of ['search', 'only-failing']) $(id).addEventListener('input', () => { $('tree').scrollTop = 0; redraw(); });
