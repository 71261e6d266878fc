// Buttons, select menus and Components V2. Type numbers are Discord's component types.
import { h } from "./dom.js";
import { attachment, picture } from "./embeds.js";
import { customEmoji, markdown } from "./markdown.js";

const STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger" };
export const LINK = 5;

/**
 * The components of a message. `ctx`: `{names, choices(component), use(component, values)}`;
 * `use` returns a promise that ends when the bot has answered.
 */
export function components(list, ctx) {
  return list.map((one) => component(one, ctx));
}

function component(one, ctx) {
  return DRAW[one.type]?.(one, ctx)
    ?? h("p", { class: "md-small" }, `This page cannot show components of type ${one.type}.`);
}

const row = (one, ctx) => h("div", { class: "row" }, components(one.components, ctx));

const text = (one, ctx) => h("div", { class: "md" }, markdown(one.content, ctx.names));

const section = (one, ctx) => h("div", { class: "section" },
  h("div", {}, components(one.components, ctx)), component(one.accessory, ctx));

const thumbnail = (one) => picture(one.media.url, one.description ?? "Thumbnail", "thumb");

const gallery = (one) => h("div", { class: "gallery" },
  one.items.map((item) => picture(item.media.url, item.description ?? "Picture", "large")));

const file = (one) => attachment({ url: one.file.url, filename: one.name ?? "file",
  size: one.size ?? 0 });

const separator = (one) => h("hr", { class: ["separator", one.divider === false && "gap",
  one.spacing === 2 && "tall"].filter(Boolean).join(" ") });

function container(one, ctx) {
  const bar = Number.isInteger(one.accent_color)
    ? `#${one.accent_color.toString(16).padStart(6, "0")}` : null;
  const box = h("div", { class: "container", vars: { "--bar": bar } },
    components(one.components, ctx));
  return one.spoiler ? h("details", {}, h("summary", {}, "Spoiler"), box) : box;
}

// Only here, because it names the constants above.
const DRAW = {
  1: row, 2: button, 3: select, 5: select, 6: select, 7: select, 8: select, 9: section, 10: text,
  11: thumbnail, 12: gallery, 13: file, 14: separator, 17: container,
};

/* ---- what one can press -------------------------------------------------------------------- */

export function emoji(one, names) {
  if (!one) return null;
  return one.id ? customEmoji(one.name, names?.emoji(one.id)) : h("span", {}, one.name);
}

function button(one, ctx) {
  const inside = [emoji(one.emoji, ctx.names), one.label && h("span", {}, one.label)];
  if (one.style === LINK) return linkButton(one, inside);
  return h("button", {
    type: "button", class: `button ${STYLES[one.style] ?? "secondary"}`, disabled: one.disabled,
    data: { focus: one.custom_id },
    onclick: (event) => whileBusy(event.currentTarget, () => ctx.use(one, [])),
  }, inside);
}

function linkButton(one, inside) {
  if (!/^https?:\/\//.test(one.url)) return h("span", { class: "button" }, inside);
  return h("a", { class: "button", href: one.url, target: "_blank", rel: "noopener noreferrer" },
    inside, " ↗");
}

async function whileBusy(element, act) {
  element.classList.add("busy");
  element.setAttribute("aria-busy", "true");
  await act();
  element.classList.remove("busy");
  element.removeAttribute("aria-busy");
}

/** `<option>`s for any kind of select. `offered` is `[{value, label, description, default}]`. */
export function optionsOf(offered) {
  return offered.map((one) => h("option", { value: one.value, selected: one.default },
    [one.emoji?.id ? null : one.emoji?.name, one.label,
      one.description && `· ${one.description}`].filter(Boolean).join(" ")));
}

function select(one, ctx) {
  const many = (one.max_values ?? 1) > 1 || one.min_values === 0;
  return many ? selectMany(one, ctx) : selectOne(one, ctx);
}

function selectOne(one, ctx) {
  const label = one.placeholder ?? "Make a selection";
  const offered = ctx.choices(one);
  const empty = offered.some((option) => option.default)
    ? null : h("option", { value: "", selected: true, disabled: true, hidden: true }, label);
  return h("select", {
    disabled: one.disabled, "aria-label": label, data: { focus: one.custom_id },
    onchange: (event) => whileBusy(event.currentTarget,
      () => ctx.use(one, [event.target.value])),
  }, empty, optionsOf(offered));
}

function selectMany(one, ctx) {
  const label = one.placeholder ?? "Make a selection";
  const menu = h("select", { multiple: true, disabled: one.disabled, "aria-label": label,
    data: { focus: one.custom_id } }, optionsOf(ctx.choices(one)));
  const values = () => [...menu.selectedOptions].map((option) => option.value);
  return h("div", { class: "pick" }, menu,
    h("button", { type: "button", class: "button primary", disabled: one.disabled,
      onclick: (event) => whileBusy(event.currentTarget, () => ctx.use(one, values())) }, "Choose"));
}

/** What a select of users, roles, mentionables or channels offers in this server. */
export function choicesOf(one, guild) {
  if (one.type === 3) return one.options;
  const picked = new Set((one.default_values ?? []).map((value) => value.id));
  const offer = (id, label) => ({ value: id, label, default: picked.has(id) });
  const users = () => (guild?.members ?? []).map((m) => offer(m.user.id, `@${m.display_name}`));
  const roles = () => (guild?.roles ?? []).map((r) => offer(r.id, `@${r.name.replace(/^@/, "")}`));
  const channels = () => (guild?.channels ?? []).map((c) => offer(c.id, `#${c.name}`));
  return { 5: users, 6: roles, 7: () => [...users(), ...roles()], 8: channels }[one.type]();
}
