// Text for durations, times and numbers.

import {kids, now, rows, top, version} from './model.js';

/** span formats a duration with at most two units. */
export function span(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 1) return `${Math.round(ms)} ms`;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}
export const coarse = ms => ms < 1000 ? '0 s' : ms < 10_000 ? `${Math.floor(ms / 1000)} s` : span(ms);
export const count = n => n.toLocaleString('en');
export const many = (n, word) => `${count(n)} ${word}${n === 1 ? '' : word === 'child' ? 'ren' : 's'}`;
const clock = new Intl.DateTimeFormat('en-GB', {hour: '2-digit', minute: '2-digit', second: '2-digit'});
export const precise = new Intl.DateTimeFormat('en-GB', {hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3});
const day = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short'});
export const at = (ms, format = clock) => (now() - ms > 43_200_000 ? day.format(ms) + ' ' : '') + format.format(ms);
const times = n => n === 1 ? 'once' : n === 2 ? 'twice' : `${count(n)} times`;

/** recoveredText describes the failures of a child that runs again. */
export const recoveredText = (r, s) => [
  s.count === 1 ? `failed ${ago(s.last)}` : `failed ${times(s.count)} in ${coarse(s.last - s.since)}`,
  r.state === 'running' && r.since ? `up for ${coarse(now() - r.since)}` : '',
].filter(Boolean).join(', ');
export const ago = ms => `${coarse(now() - ms)} ago`;
export const shortened = list => list.length > 8 ? [...list.slice(0, 7), `and ${list.length - 7} more`] : list;

/** census counts the children of a supervisor, or all children, by state. */
let censuses = {version: -1};
function census(path) {
  if (censuses.version !== version) censuses = {version, of: new Map()};
  if (!censuses.of.has(path)) {
    const states = {};
    for (const p of path === null ? rows.keys() : kids.get(path) ?? []) {
      if (p !== top) { const s = rows.get(p)?.state; states[s] = (states[s] ?? 0) + 1; }
    }
    censuses.of.set(path, Object.entries(states).sort((a, b) => b[1] - a[1]));
  }
  return censuses.of.get(path);
}
export const censusText = path => census(path).map(([state, n]) => `${count(n)} ${state}`).join(', ');

export const brief = ms => ms % 3_600_000 === 0 ? `${ms / 3_600_000}h` : ms % 60_000 === 0 ? `${ms / 60_000}m` : `${ms / 1000}s`;
export const windowText = w => w.limit < 0 ? 'unlimited restarts' : `${w.used ?? 0} of ${w.limit} restarts used within ${brief(w.within)}`;

export const hostExhausted = 'start failed: host out of descriptors, memory or processes';
