// The model: the tree as rows by path, the events as a log, and what follows from them.

import {childExited, childReady, childRemoved, childRestarting, supervisorFailed} from './kinds.js';

export const rows = new Map();  // by path
export const kids = new Map();  // paths of children in order, by path of the supervisor
export let top = '';            // path of the supervisor at the top
export let session = {epoch: '', operate: false, leaks: false, contexts: []};
export let log = [];            // events, oldest first
let received = new Set();       // their sequence numbers
export let streaks = new Map(); // failures in a row, by path, see trackFailures
let readyAt = new Map();        // when the last incarnation became ready, by path
export let backlog = true;      // recorded events are still to come
let skew = 0;                   // clock of the tree minus the clock of the browser, in ms
export let version = 0;         // counts changes of the tree
const maxLog = 5000;
const recovery = 60_000;        // an incarnation that lives this long, in ms, ends a streak

export const now = () => Date.now() + skew;
const parentOf = path => path.slice(0, Math.max(0, path.lastIndexOf('/')));

function clearLog() {
  log = []; received = new Set(); streaks = new Map(); readyAt = new Map();
}

/** apply updates the model with a message. */
export function apply(m) {
  skew = m.now - Date.now();
  backlog = !!m.backlog;
  if (m.session) {
    if (m.session.epoch !== session.epoch) clearLog();
    session = m.session;
    rows.clear();
    kids.clear();
  }
  for (const path of m.gone ?? []) removeRow(path);
  for (const r of m.rows ?? []) {
    if (!rows.has(r.path)) {
      if (r.parent) childrenOf(r.parent).push(r.path);
      else top = r.path;
    }
    rows.set(r.path, r);
  }
  for (const [path, order] of Object.entries(m.order ?? {})) kids.set(path, order);
  if (m.session || m.gone || m.rows || m.order) version++;
  if (m.skipped && log.length) log.push({kind: 'events lost', path: '', time: m.now, lost: true});
  for (const e of m.events ?? []) {
    if (received.has(e.seq)) continue;
    received.add(e.seq);
    log.push(e);
    trackFailures(e);
  }
  for (const e of log.splice(0, Math.max(0, log.length - maxLog))) received.delete(e.seq);
  for (const kept of [streaks, readyAt]) {
    if (kept.size < 2 * rows.size + maxLog) continue;
    for (const path of kept.keys()) if (!rows.has(path)) kept.delete(path);
  }
}

function childrenOf(path) {
  if (!kids.has(path)) kids.set(path, []);
  return kids.get(path);
}

function removeRow(path) {
  const above = kids.get(parentOf(path));
  const at = above?.indexOf(path) ?? -1;
  if (at >= 0) above.splice(at, 1);
  const below = [path];
  while (below.length) {
    const p = below.pop();
    for (const child of kids.get(p) ?? []) below.push(child);
    rows.delete(p);
    kids.delete(p);
  }
}

/** trackFailures updates the streak of a child. */
function trackFailures(e) {
  if (e.kind === childReady) readyAt.set(e.path, e.time);
  if (e.kind === childRemoved) { streaks.delete(e.path); readyAt.delete(e.path); }
  if (e.kind !== childExited || e.exit !== 'abnormal') return;
  const s = streaks.get(e.path);
  const lived = e.time - (readyAt.get(e.path) ?? e.time);
  if (s && lived < recovery) Object.assign(s, {last: e.time, count: s.count + 1, error: e.error});
  else streaks.set(e.path, {since: e.time, last: e.time, count: 1, error: e.error});
}

export const tone = {running: 'good', starting: 'warn', restarting: 'warn', stopping: 'warn', stuck: 'bad', quarantined: 'bad', 'not running': 'bad'};

/** failing returns the severity of a child's failures: 0 for none, 1 for failures after
 * which the child runs again, 2 for a restart, 3 for out of service. */
export function failing(r) {
  const s = streaks.get(r.path);
  switch (r.state) {
    case 'quarantined': case 'stuck': case 'not running': return 3;
    case 'stopped': return r.exit === 'abnormal' ? 3 : 0;
    case 'restarting': return r.exit === 'abnormal' ? 2 : 0;
  }
  if (!s || now() - s.last >= recovery) return 0;
  return r.state === 'starting' && s.count > 1 ? 2 : 1;
}

/** trouble lists the failing rows by severity. A supervisor comes after its children,
 * which are the cause of its failure. Older failures come first, so that the order is stable. */
export function trouble() {
  const found = [];
  for (const r of rows.values()) {
    const bad = failing(r);
    if (bad) found.push({r, bad, since: streaks.get(r.path)?.since ?? r.since ?? 0});
  }
  return found.sort((a, b) => b.bad - a.bad || !!a.r.supervisor - !!b.r.supervisor || a.since - b.since || (a.r.path < b.r.path ? -1 : 1));
}

/** lastError returns the error of the last failure of a child. */
export function lastError(r) {
  if (r.exit === 'abnormal' && r.error) return r.error;
  if (r.state === 'not running') return log.findLast(e => e.kind === supervisorFailed && e.path === r.path)?.error ?? '';
  return streaks.get(r.path)?.error ?? r.error ?? '';
}

/** consequences returns what each exit in the log led to, by the sequence number of the
 * exit: {with: paths of siblings restarted in the same round, gaveUp: path of the
 * supervisor that failed, because: path of the child whose exit caused this one}. */
export function consequences() {
  const found = new Map(), last = new Map(), lastIn = new Map(), failed = new Map();
  const of = e => { if (!found.has(e.seq)) found.set(e.seq, {with: []}); return found.get(e.seq); };
  for (const e of log) {
    switch (e.kind) {
      case childExited:
        last.set(e.path, e);
        lastIn.set(parentOf(e.path), e);
        if (failed.has(e.path)) { of(e).because = failed.get(e.path); failed.delete(e.path); }
        break;
      case childRestarting:
        if (!e.because) break;
        if (last.has(e.because)) of(last.get(e.because)).with.push(e.path);
        if (last.has(e.path)) of(last.get(e.path)).because = e.because;
        break;
      case supervisorFailed:
        if (!lastIn.has(e.path)) break;
        of(lastIn.get(e.path)).gaveUp = e.path;
        failed.set(e.path, lastIn.get(e.path).path);
        break;
    }
  }
  return found;
}

/** isBad reports whether an event is a failure. */
export const isBad = e => !!e.bad;
