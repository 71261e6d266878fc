// The fake Twitch: the stream, its chat, and what viewers give.
import { avatar, hueOf } from "./avatar.js";
import { messageBox } from "./box.js";
import { wireEnd } from "./discord.js";
import { byId, h, keepAtEnd, reconcile } from "./dom.js";

const GIFTS = [1, 5];

/** `app` as in discord.js. Returns `render(view)` and the box. */
export function twitchPane(app) {
  const chat = byId("twitch-chat");
  let view = null;
  const box = messageBox({
    id: "twitch-box",
    send: (text, replyTo) => app.act("twitch/chat", { person: view.me, text,
      reply_to: replyTo ?? undefined, channel: view.twitchStream.handle }),
  });
  box.setHint("Connect the channel first: ", h("code", {}, "/connect_twitch"), " in Discord.");
  byId("twitch-composer").append(box.element);
  wireEnd(chat, byId("twitch-to-end"));
  const give = (path, fields, done) => app.act(`twitch/${path}`,
    { channel: view.twitchStream.handle, person: view.me, ...fields }, done);
  const button = (label, what, run) => h("button", { type: "button", class: "plain-button",
    data: { twitch: what }, onclick: run }, label);
  byId("twitch-support").append(
    button("Subscribe", "subscribe", () => give("subscribe", {}, "Twitch reported a subscriber.")),
    button("Cheer 100", "cheer", () => give("cheer", { bits: 100 }, "Twitch reported 100 bits.")),
    h("span", { class: "together", role: "group", "aria-label": "Gift subscriptions on Twitch" },
      h("span", { class: "caption" }, "Gift subs"),
      GIFTS.map((count) => button(String(count), `gift-${count}`, () => give("gift", { count },
        `Twitch reported ${count} gifted subscription${count === 1 ? "" : "s"}.`)))),
    button("Raid", "raid", () => give("raid", { viewers: 25 }, "Twitch reported a raid.")));
  const rewards = h("span", { class: "together", role: "group",
    "aria-label": "Channel points on Twitch" });
  byId("twitch-support").append(rewards);

  function drawRewards(stream) {
    const open = (stream.rewards ?? []).filter((one) => one.is_enabled && !one.is_paused);
    reconcile(rewards, open, {
      key: (one) => one.id,
      signature: (one) => `${one.title} ${one.cost}`,
      render: (one) => button(`${one.title} · ${one.cost}`, "redeem",
        () => give("redeem", { title: one.title }, "Twitch reported a redemption.")),
    });
  }

  function render(next) {
    view = next;
    if (!view.twitchStream) return;
    drawStream(view.twitchStream, app);
    drawRewards(view.twitchStream);
    keepAtEnd(chat, () => drawChat(chat, view, (line) => box.replyTo(line.message_id,
      `@${line.sender}: ${line.text}`)));
    box.setPlaceholder(`Chat on Twitch as ${view.twitchName}`);
  }

  return { render, box };
}

function drawStream(stream, app) {
  reconcile(byId("twitch-stream"), [stream], {
    key: () => "stream",
    signature: () => stream,
    render: () => h("div", { class: stream.is_live ? "stream-line live" : "stream-line" },
      avatar(stream.name),
      h("div", {}, h("b", {}, stream.name), h("small", {}, stream.title),
        h("small", {}, stream.is_live ? "Live on Twitch" : "Offline on Twitch")),
      h("button", { type: "button", class: stream.is_live ? "plain-button" : "main-button",
        data: { focus: "twitch-live" },
        onclick: () => app.act(stream.is_live ? "twitch/offline" : "twitch/live",
          { channel: stream.handle }) }, stream.is_live ? "End stream" : "Go live")),
  });
}

function drawChat(chat, view, reply) {
  const lines = view.twitchChat;
  const items = lines.length ? lines.map((line) => ({ key: line.message_id,
    print: [line, line.handle === view.me], draw: () => lineElement(line, lines, view, reply) }))
    : [{ key: "empty", draw: () => h("p", { class: "chat-empty" }, "No messages on Twitch yet.") }];
  reconcile(chat, items, { key: (item) => item.key, signature: (item) => item.print ?? "",
    render: (item) => item.draw() });
}

function lineElement(line, lines, view, reply) {
  const answered = line.reply_to && lines.find((one) => one.message_id === line.reply_to);
  const kind = ["line", line.by_app && "bot", line.handle === view.me && "mine"].filter(Boolean);
  return h("article", { class: kind.join(" "), data: { id: line.message_id } },
    line.reply_to && h("span", { class: "answers" }, answered
      ? `@${answered.sender}: ${answered.text}` : "an earlier message"),
    h("time", { class: "at", datetime: line.at },
      new Date(line.at).toLocaleTimeString("en-GB", { timeStyle: "short" })),
    h("span", { class: "name", vars: { "--hue": hueOf(line.sender) } }, line.sender), " ",
    line.text,
    h("button", { type: "button", class: "icon-button", title: "Reply",
      "aria-label": `Reply to ${line.sender} on Twitch`, onclick: () => reply(line) }, "↩"));
}
