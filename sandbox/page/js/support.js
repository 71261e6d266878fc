// Supporting a stream: follow, subscribe, gift subscriptions and Kicks.
import { byId, h } from "./dom.js";

const DROPS = [1, 5, 50];
const KICKS = [100, 500];

/** `app` as in discord.js; `now()` is the current view. Drawn once: it never changes. */
export function supportRow(app, now) {
  const anonymous = h("input", { type: "checkbox", id: "gift-anonymously" });
  const button = (label, what, run) => h("button", { type: "button", class: "plain-button",
    data: { support: what }, onclick: run }, label);

  function give(path, fields, done) {
    const view = now();
    if (view?.stream) app.act(`kick/${path}`, { channel: view.stream.handle, ...fields(view) }, done);
  }
  const me = (view) => ({ person: view.me });
  const giver = (view) => (anonymous.checked ? {} : me(view));

  byId("support").append(
    button("Follow", "follow", () => give("follow", me, "Kick reported a new follower.")),
    button("Subscribe", "subscribe", () => give("subscribe", me, "Kick reported a new subscriber.")),
    together("Give Kicks", "Kicks", KICKS.map((amount) => button(String(amount), `kicks-${amount}`,
      () => give("kicks", (view) => ({ ...me(view), amount }), `Kick reported ${amount} Kicks.`)))),
    together("Gift subscriptions", "Gift subs", DROPS.map((count) => button(String(count),
      `gift-${count}`, () => give("gift", (view) => ({ ...giver(view), count }),
        `Kick reported ${count} gifted subscription${count === 1 ? "" : "s"}.`))),
    h("label", { for: "gift-anonymously" }, anonymous, " anonymously")));
}

const together = (name, caption, ...rest) => h("span", { class: "together", role: "group",
  "aria-label": name }, h("span", { class: "caption" }, caption), rest);
