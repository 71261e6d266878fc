// Discord's flavour of markdown, as text -> DOM nodes (never HTML strings).
// Source of the rules: Discord's "Markdown Text 101" and "Message Formatting" reference.
import { hueOf } from "./avatar.js";
import { h } from "./dom.js";

/**
 * What mentions look like is asked of the caller:
 * `names.user(id)`, `names.role(id)`, `names.channel(id)` -> text or null; `names.emoji(id)` ->
 * whether that emoji exists.
 */
const NOBODY = { user: () => null, role: () => null, channel: () => null, emoji: () => false };

export function markdown(text, names = NOBODY) {
  const root = document.createDocumentFragment();
  root.append(...blocks(String(text ?? ""), { ...NOBODY, ...names }));
  return root;
}

/* ---- blocks -------------------------------------------------------------------------------- */

const FENCE = /```(?:([\w+-]+)\n)?\n*([\s\S]+?)\n*```/g;

function blocks(text, names) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(FENCE)) {
    nodes.push(...lines(text.slice(at, match.index).replace(/\n$/, ""), names));
    nodes.push(h("pre", {}, h("code", { data: { lang: match[1] ?? "" } }, match[2])));
    at = match.index + match[0].length;
    if (text[at] === "\n") at += 1;
  }
  nodes.push(...lines(text.slice(at), names));
  return nodes;
}

const HEADING = /^(#{1,3})\s+(\S.*)$/;
const SMALL = /^-#\s+(\S.*)$/;
const BULLET = /^(\s*)(?:[-*])\s+(\S.*)$/;
const NUMBERED = /^(\s*)(\d{1,3})\.\s+(\S.*)$/;

function lines(text, names) {
  if (text === "") return [];
  const nodes = [];
  const rest = text.split("\n");
  let paragraph = [];
  const flush = () => {
    if (paragraph.length) nodes.push(h("p", {}, inline(paragraph.join("\n"), names)));
    paragraph = [];
  };
  while (rest.length) {
    const block = takeBlock(rest, names);
    if (block) { flush(); nodes.push(block); } else paragraph.push(rest.shift());
  }
  flush();
  return nodes;
}

// Takes one heading, quote or list off the front of `rest`, or returns null and leaves it alone.
function takeBlock(rest, names) {
  const line = rest[0];
  const heading = HEADING.exec(line);
  if (heading) {
    rest.shift();
    return h("div", { class: `md-h${heading[1].length}`, role: "heading",
      "aria-level": heading[1].length + 3 }, inline(heading[2], names));
  }
  const small = SMALL.exec(line);
  if (small) { rest.shift(); return h("small", { class: "md-small" }, inline(small[1], names)); }
  if (line.startsWith(">>> ")) return quote(rest.splice(0).join("\n").slice(4), names);
  if (line.startsWith("> ")) return quote(takeWhile(rest, /^> ?/).join("\n"), names);
  if (BULLET.test(line) || NUMBERED.test(line)) return list(rest, names);
  return null;
}

function takeWhile(rest, prefix) {
  const taken = [];
  while (rest.length && prefix.test(rest[0])) taken.push(rest.shift().replace(prefix, ""));
  return taken;
}

const quote = (text, names) => h("blockquote", {}, lines(text, names));

function list(rest, names) {
  const ordered = NUMBERED.test(rest[0]);
  const pattern = ordered ? NUMBERED : BULLET;
  const box = h(ordered ? "ol" : "ul", ordered ? { start: pattern.exec(rest[0])[2] } : {});
  while (rest.length && pattern.test(rest[0])) {
    const match = pattern.exec(rest.shift());
    box.append(h("li", { class: match[1].length >= 2 ? "md-nested" : null },
      inline(match.at(-1), names)));
  }
  return box;
}

/* ---- inline -------------------------------------------------------------------------------- */

const styled = (tag, props = {}) => (match, names, depth) =>
  h(tag, props, inline(match[1], names, depth + 1));

// Tried in this order at every character; sticky, so that each looks only at its own place.
const RULES = [
  [/\\([^0-9A-Za-z\s])/y, (m) => m[1]],
  [/(`{1,2})([^`]|[^`][\s\S]*?[^`])\1(?!`)/y, (m) => h("code", {}, m[2].trim() || m[2])],
  [/<t:(-?\d{1,13})(?::([tTdDfFRsS]))?>/y, (m) => timestamp(Number(m[1]), m[2] ?? "f")],
  [/<@!?(\d{1,20})>/y, (m, names) => mention("@", names.user(m[1]) ?? "unknown-user")],
  [/<@&(\d{1,20})>/y, (m, names) => mention("@", names.role(m[1]) ?? "deleted-role")],
  [/<#(\d{1,20})>/y, (m, names) => mention("#", names.channel(m[1]) ?? "unknown")],
  [/<\/([-_\p{L}\p{N} ]{1,100}):(\d{1,20})>/uy, (m) => mention("/", m[1])],
  [/<(a?):(\w{2,32}):(\d{1,20})>/y, (m, names) => customEmoji(m[2], names.emoji(m[3]))],
  [/@(everyone|here)\b/y, (m) => mention("@", m[1])],
  [/\[((?:\\.|[^[\]\\])+)\]\((<?)(https?:\/\/[^\s)]+?)>?\)/y, link],
  [/<(https?:\/\/[^\s>]+)>/y, (m) => anchor(m[1], m[1])],
  [/https?:\/\/[^\s<]*[^\s<.,:;"')\]]/y, (m) => anchor(m[0], m[0])],
  [/\|\|((?:\\[\s\S]|[^\\])+?)\|\|/y, spoiler],
  [/\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)/y, styled("strong")],
  [/__((?:\\[\s\S]|[^\\])+?)__(?!_)/y, styled("u")],
  [/~~((?:\\[\s\S]|[^\\])+?)~~/y, styled("s")],
  [/\*(?=\S)((?:\*\*|\\[\s\S]|[^*\\])+?)\*(?!\*)/y, styled("em")],
  [/(?<![\p{L}\p{N}_])_((?:__|\\[\s\S]|[^_\\])+?)_(?![\p{L}\p{N}_])/uy, styled("em")],
];
// Only these characters can begin a rule; everything else is copied in one go.
const PLAIN = /[^\\`<@[|*_~h]+|h(?!ttps?:\/\/)/y;
const MAX_DEPTH = 8;

function inline(text, names, depth = 0) {
  if (depth > MAX_DEPTH) return [text];
  const nodes = [];
  let plain = "";
  let at = 0;
  while (at < text.length) {
    PLAIN.lastIndex = at;
    const skipped = PLAIN.exec(text);
    if (skipped) { plain += skipped[0]; at += skipped[0].length; continue; }
    const [node, length] = firstRule(text, at, names, depth);
    if (typeof node === "string") plain += node;
    else { if (plain) nodes.push(plain); plain = ""; nodes.push(node); }
    at += length;
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function firstRule(text, at, names, depth) {
  for (const [pattern, make] of RULES) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return [make(match, names, depth), match[0].length];
  }
  return [text[at], 1];
}

const mention = (sign, name) => h("span", { class: "mention" }, sign + name);

function link(match, names, depth) {
  return anchor(match[3], inline(match[1], names, depth + 1));
}

// Only http(s) reaches here, by the patterns above; `javascript:` stays plain text.
function anchor(href, children) {
  return h("a", { href, target: "_blank", rel: "noopener noreferrer" }, children);
}

function spoiler(match, names, depth) {
  const reveal = (event) => event.currentTarget.classList.add("shown");
  return h("button", { type: "button", class: "spoiler", "aria-label": "Spoiler, press to show",
    onclick: reveal }, inline(match[1], names, depth + 1));
}

/** A server's own emoji as a small tile with its first letter: there are no images for them. */
export function customEmoji(name, known) {
  if (!known) return h("span", { class: "emoji-name" }, `:${name}:`);
  return h("span", { class: "emoji-tile", role: "img", "aria-label": `:${name}:`,
    title: `:${name}:`, vars: { "--hue": hueOf(name) } }, name[0].toUpperCase());
}

/* ---- time ---------------------------------------------------------------------------------- */

const FORMATS = {
  t: { timeStyle: "short" }, T: { timeStyle: "medium" },
  d: { dateStyle: "short" }, D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" }, F: { dateStyle: "full", timeStyle: "short" },
  s: { dateStyle: "short", timeStyle: "short" }, S: { dateStyle: "short", timeStyle: "medium" },
};
const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600],
  ["minute", 60], ["second", 1]];

/** Discord's `<t:unix:style>`; relative ones are kept fresh by `refreshTimes`. */
export function timestamp(unix, style) {
  const when = new Date(unix * 1000);
  if (Number.isNaN(when.getTime())) return "Invalid Date";
  const full = new Intl.DateTimeFormat("en", FORMATS.F).format(when);
  const text = style === "R" ? relative(unix) : new Intl.DateTimeFormat("en", FORMATS[style])
    .format(when);
  return h("time", { class: "stamp", datetime: when.toISOString(), title: full,
    data: style === "R" ? { relative: unix } : {} }, text);
}

export function relative(unix, now = Date.now() / 1000) {
  const seconds = Math.round(unix - now);
  if (seconds === 0) return "now";
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS.at(-1);
  return new Intl.RelativeTimeFormat("en").format(Math.trunc(seconds / size), unit);
}

export function refreshTimes(root = document) {
  for (const node of root.querySelectorAll("time[data-relative]")) {
    const text = relative(Number(node.dataset.relative));
    if (node.textContent !== text) node.textContent = text;
  }
}
