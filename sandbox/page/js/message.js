// One Discord message as an element.
import { avatar } from "./avatar.js";
import { components, emoji as emojiOf } from "./components.js";
import { h } from "./dom.js";
import { attachment, embed } from "./embeds.js";
import { markdown } from "./markdown.js";

const SUPPRESS_EMBEDS = 1 << 2;
const LOADING = 1 << 7;
const GROUP_MS = 7 * 60 * 1000;
const SYSTEM = { 6: ["📌", "pinned a message to this channel."], 7: ["👋", "joined the server."] };
const QUICK = ["👍", "❤️", "🎉", "😂", "👀", "🔗", "🎰"];

/** Whether `message` may stand under the one before it without a name of its own. */
export function isContinued(message, before) {
  return Boolean(before) && before.author_name === message.author_name
    && before.author_handle === message.author_handle
    && message.type === 0 && !message.referenced_message && !(before.type in SYSTEM)
    && before.ephemeral_for === message.ephemeral_for
    && Date.parse(message.timestamp) - Date.parse(before.timestamp) < GROUP_MS;
}

/**
 * `ctx`: `{view, names, compact, act}` with `act.use/react/reply/remove/dismiss/pin`; without
 * `act` the message can only be read (as in the list of pins).
 */
export function messageElement(message, ctx) {
  if (message.type in SYSTEM) return systemLine(message);
  const hidden = message.ephemeral_for !== null;
  const called = ctx.view.isCalledBy(message);
  return h("article", {
    class: ["message", ctx.compact && "compact", hidden && "private", called && "called"]
      .filter(Boolean).join(" "),
    data: { id: message.id },
  }, saidInReply(message), gutter(message, ctx), body(message, ctx), ctx.act && tools(message, ctx));
}

function systemLine(message) {
  const [sign, text] = SYSTEM[message.type];
  return h("div", { class: "system", data: { sign } }, h("b", {}, message.author_name), ` ${text} `,
    h("time", {}, clock(message.timestamp)));
}

function gutter(message, { compact }) {
  if (compact) return h("time", { class: "quiet-time" }, clock(message.timestamp, true));
  return avatar(message.author_name, { bot: isBot(message) });
}

const isBot = (message) => message.author_handle === "bot" || Boolean(message.author?.bot);

/* ---- above the text ------------------------------------------------------------------------ */

function saidInReply(message) {
  if (message.interaction) {
    const by = message.interaction.user;
    return h("div", { class: "said-in-reply" }, h("b", {}, by.global_name ?? by.username),
      h("span", {}, "used ", h("span", { class: "mention" }, `/${message.interaction.name}`)));
  }
  if (message.message_reference === undefined || message.type !== 19) return null;
  const original = message.referenced_message;
  if (!original) return h("div", { class: "said-in-reply" }, h("span", {}, "The original was deleted"));
  return h("div", { class: "said-in-reply" },
    h("b", {}, original.author.global_name ?? original.author.username),
    h("span", {}, firstWords(original)));
}

/** A few words that stand for a message, for replies. */
export function firstWords(message) {
  const text = message.content || message.embeds?.[0]?.title || message.embeds?.[0]?.description;
  return text ? text.split("\n")[0].slice(0, 120) : "Show the original message";
}

function byLine(message, { view }) {
  const name = view.colorOf(message.author_handle);
  return h("div", { class: "by", vars: { "--name": name } }, h("b", {}, message.author_name),
    isBot(message) && h("span", { class: "tag" }, "APP"),
    h("time", { datetime: message.timestamp }, clock(message.timestamp)));
}

function clock(iso, short = false) {
  const when = new Date(iso);
  const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" }).format(when);
  if (short || when.toDateString() === new Date().toDateString()) return time;
  return `${new Intl.DateTimeFormat("en", { dateStyle: "medium" }).format(when)}, ${time}`;
}

/* ---- the message itself -------------------------------------------------------------------- */

function body(message, ctx) {
  const loading = (message.flags & LOADING) !== 0;
  const shown = (message.flags & SUPPRESS_EMBEDS) ? [] : message.embeds ?? [];
  return h("div", { class: "body" },
    !ctx.compact && byLine(message, ctx),
    loading && h("p", { class: "thinking" }, `${message.author_name} is thinking`),
    content(message, ctx),
    (message.attachments ?? []).map(attachment),
    shown.map((one) => embed(one, ctx.names)),
    components(message.components ?? [], ctx),
    reactions(message, ctx),
    privateNote(message, ctx));
}

function content(message, ctx) {
  if (!message.content) return null;
  const edited = message.edited_timestamp
    && h("span", { class: "edited", title: clock(message.edited_timestamp) }, " (edited)");
  const text = h("div", { class: "md" }, markdown(message.content, ctx.names));
  (text.lastElementChild ?? text).append(...(edited ? [edited] : []));
  return text;
}

function reactions(message, { view, names, act }) {
  const list = message.reactions ?? [];
  if (!list.length) return null;
  return h("div", { class: "reactions" }, list.map((one) => {
    const key = one.emoji.id ?? one.emoji.name;
    const who = message.reactors?.[key] ?? [];
    const mine = who.includes(view.me);
    const name = one.emoji.id ? `${one.emoji.name}:${one.emoji.id}` : one.emoji.name;
    return h("button", {
      type: "button", class: "reaction", "aria-pressed": String(mine), disabled: !act,
      title: who.join(", "), data: { focus: `r-${key}` },
      "aria-label": `${one.emoji.name}, ${one.count}${mine ? ", you too" : ""}`,
      onclick: () => act.react(message, name, mine),
    }, emojiOf(one.emoji, names), String(one.count));
  }));
}

function privateNote(message, { act }) {
  if (message.ephemeral_for === null) return null;
  return h("p", { class: "private-note" }, "👁 Only you can see this",
    act && [" • ", h("button", { type: "button", onclick: () => act.dismiss(message) },
      "Dismiss message")]);
}

/* ---- what appears while one points at it ---------------------------------------------------- */

function tools(message, { act }) {
  const own = (label, sign, onclick, data = {}) => h("button", {
    type: "button", class: "icon-button", title: label, "aria-label": label, onclick, data }, sign);
  if (message.ephemeral_for !== null) return null;
  const box = h("div", { class: "tools" });
  box.append(
    own("Add a reaction", "☺", () => togglePalette(box, message, act), { focus: "palette" }),
    own("Reply", "↩", () => act.reply(message)));
  if (act.mayPin) {
    const label = message.pinned ? "Unpin" : "Pin";
    box.append(own(label, "📌", () => act.pin(message, message.pinned)));
  }
  if (act.mayRemove(message)) box.append(own("Delete", "🗑", () => act.remove(message)));
  return box;
}

function togglePalette(box, message, act) {
  const open = box.querySelector(".palette");
  if (open) { open.remove(); return; }
  const palette = h("div", { class: "palette", role: "group", "aria-label": "Reactions",
    onkeydown: (event) => { if (event.key === "Escape") palette.remove(); } },
  QUICK.map((one) => h("button", { type: "button", class: "icon-button", "aria-label": one,
    onclick: () => { palette.remove(); act.react(message, one, false); } }, one)));
  box.append(palette);
  palette.firstElementChild.focus();
}
