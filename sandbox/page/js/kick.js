// The fake Kick: the stream and its chat.
import { avatar, hueOf } from "./avatar.js";
import { messageBox } from "./box.js";
import { wireEnd } from "./discord.js";
import { byId, h, keepAtEnd, reconcile } from "./dom.js";
import { shuffleCard } from "./shuffle.js";
import { supportRow } from "./support.js";

const BADGES = { broadcaster: "🎥", moderator: "🛡", subscriber: "★", vip: "VIP", og: "OG",
  sub_gifter: "🎁", verified: "✓", bot: "BOT", founder: "1st" };
const REELS = ["🍒", "⭐", "🍋"];
const EMOTE = /\[emote:\d+:([^\]\s]*)\]/g;

/** `app` as in discord.js. Returns `render(view)` and the box. */
export function kickPane(app) {
  const chat = byId("chat");
  let view = null;
  let drawn = "";
  const box = messageBox({
    id: "kick-box",
    send: (text, replyTo) => app.act("kick/chat", { person: view.me, text, reply_to: replyTo,
      channel: view.stream.handle }),
  });
  box.setHint("Try ", h("code", {}, "!call Book of Dead"), " or ", h("code", {}, "!sr Wanted"), ".");
  byId("kick-composer").append(box.element);
  wireEnd(chat, byId("kick-to-end"));
  supportRow(app, () => view);
  const drawShuffle = shuffleCard(app);

  function render(next) {
    view = next;
    drawShuffle(view);
    if (!view.stream) return;
    drawStream(view, app);
    const moved = drawn !== view.stream.slug;
    drawn = view.stream.slug;
    keepAtEnd(chat, () => drawChat(chat, view, reply));
    if (moved) chat.scrollTop = chat.scrollHeight;
    box.setPlaceholder(`Chat as ${kickName(view)}`);
  }

  const reply = (line) => box.replyTo(line.message_id, `@${line.sender}: ${line.text}`);
  return { render, box };
}

const kickName = (view) => view.kick.accounts.find((one) => one.handle === view.me)?.name
  ?? view.person.kick_name;

/* ---- the stream ---------------------------------------------------------------------------- */

function drawStream(view, app) {
  const stream = view.stream;
  reconcile(byId("stream"), [stream], {
    key: () => "stream",
    signature: () => [stream, view.kick.channels.map((one) => one.name)],
    render: () => h("div", {}, screen(stream), streamLine(view, stream, app)),
  });
}

function screen(stream) {
  const live = stream.is_live;
  return h("div", { class: live ? "screen live" : "screen" },
    live && h("span", { class: "badge-live" }, "LIVE"),
    live && h("span", { class: "viewers" },
      `${stream.viewer_count} viewers · live since ${clock(stream.started_at)}`),
    live ? h("div", { class: "reels", "aria-hidden": "true" }, REELS.map((one) => h("i", {}, one)))
      : h("p", {}, `${stream.name} is offline`),
    !live && h("small", {}, "Watchtime counts only while the stream is live."));
}

function streamLine(view, stream, app) {
  const live = stream.is_live;
  return h("div", { class: live ? "stream-line live" : "stream-line" }, avatar(stream.name),
    h("div", {}, channelChoice(view, app), h("small", {}, stream.title),
      h("small", {}, stream.category)),
    live
      ? h("button", { type: "button", class: "plain-button", data: { focus: "live" },
        onclick: () => app.act("kick/offline", { channel: stream.handle }) }, "End stream")
      : h("button", { type: "button", class: "main-button", data: { focus: "live" },
        onclick: () => app.act("kick/live", { channel: stream.handle }) }, "Go live"));
}

function channelChoice(view, app) {
  const channels = view.kick.channels;
  if (channels.length < 2) return h("b", {}, view.stream.name);
  return h("select", { "aria-label": "Kick channel", data: { focus: "channel" },
    onchange: (event) => app.go({ kick: event.target.value }) },
  channels.map((one) => h("option", { value: one.handle, selected: one === view.stream }, one.name)));
}

const clock = (iso) => new Date(iso).toLocaleTimeString("en-GB", { timeStyle: "short" });

/* ---- the chat ------------------------------------------------------------------------------ */

function drawChat(chat, view, reply) {
  const lines = view.chat;
  const byKey = new Map(lines.map((line) => [line.message_id, line]));
  const items = lines.length ? lines.map((line) => ({ key: line.message_id,
    print: [line, line.handle === view.me], draw: () => lineElement(line, view, byKey, reply) }))
    : [{ key: "empty", draw: () => h("p", { class: "chat-empty" },
      "No messages yet. Pick a person above and say hello.") }];
  reconcile(chat, items, { key: (item) => item.key, signature: (item) => item.print ?? "",
    render: (item) => item.draw() });
}

function lineElement(line, view, byKey, reply) {
  const answered = line.reply_to && byKey.get(line.reply_to);
  const kind = ["line", line.by_bot && "bot", line.handle === view.me && "mine"].filter(Boolean);
  return h("article", { class: kind.join(" "), data: { id: line.message_id } },
    line.reply_to && h("span", { class: "answers" }, answered
      ? `@${answered.sender}: ${answered.text}` : "an earlier message"),
    h("time", { class: "at", datetime: line.at }, clock(line.at)),
    badges(line),
    h("span", { class: "name", vars: { "--hue": hueOf(line.sender) } }, line.sender), " ",
    emotes(line.text),
    h("button", { type: "button", class: "icon-button", title: "Reply",
      "aria-label": `Reply to ${line.sender}`, onclick: () => reply(line) }, "↩"));
}

function badges(line) {
  const shown = [...line.badges];
  if (line.by_bot && !shown.some((one) => one.type === "bot")) shown.push({ type: "bot", text: "Bot" });
  return shown.map((one) => h("span", { class: `kick-badge ${one.type}`, role: "img",
    title: one.text, "aria-label": one.text },
  BADGES[one.type] ?? one.type, one.count ? ` ${one.count}` : null));
}

function emotes(text) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(EMOTE)) {
    nodes.push(text.slice(at, match.index), h("span", { class: "emote" }, match[1] || "emote"));
    at = match.index + match[0].length;
  }
  return [...nodes, text.slice(at)];
}
