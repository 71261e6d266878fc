// Embeds, pictures and files of a Discord message.
import { avatar } from "./avatar.js";
import { h } from "./dom.js";
import { markdown, timestamp } from "./markdown.js";

// discord.py writes avatars with the address of the real CDN; they are drawn here, not fetched.
const AVATAR = /^(?:cdn\.discordapp\.com|[^/]+\/discord\/cdn)\/avatars\/(\d+)\//;
const INLINE_SPANS = { 1: 12, 2: 6, 3: 4 };

/** One classic embed: colour bar, author, title, description, fields, pictures, footer. */
export function embed(data, names) {
  const bar = Number.isInteger(data.color)
    ? `#${data.color.toString(16).padStart(6, "0")}` : null;
  return h("article", { class: "embed", vars: { "--bar": bar } },
    data.author && h("div", { class: "embed-author" },
      data.author.icon_url && picture(data.author.icon_url, ""),
      linked(data.author.url, data.author.name)),
    data.title && h("div", { class: "embed-title md" },
      linked(data.url, markdown(data.title, names))),
    data.description && h("div", { class: "md" }, markdown(data.description, names)),
    fields(data.fields ?? [], names),
    data.thumbnail?.url && h("div", { class: "embed-thumb" },
      picture(data.thumbnail.url, "Thumbnail", "thumb")),
    data.image?.url && h("div", { class: "wide" }, picture(data.image.url, "Picture", "large")),
    footer(data));
}

const linked = (href, inside) => (/^https?:\/\//.test(href ?? "")
  ? h("a", { href, target: "_blank", rel: "noopener noreferrer" }, inside) : inside);

function fields(list, names) {
  if (!list.length) return null;
  const box = h("dl", { class: "fields wide" });
  for (let at = 0; at < list.length;) {
    const run = inlineRun(list, at);
    for (const field of run) {
      box.append(h("div", { vars: { "--span": INLINE_SPANS[run.length] } },
        h("dt", { class: "md" }, markdown(field.name, names)),
        h("dd", { class: "md" }, markdown(field.value, names))));
    }
    at += run.length;
  }
  return box;
}

// Discord puts up to three inline fields side by side.
function inlineRun(list, start) {
  if (!list[start].inline) return [list[start]];
  let end = start;
  while (end < list.length && end - start < 3 && list[end].inline) end += 1;
  return list.slice(start, end);
}

function footer(data) {
  if (!data.footer && !data.timestamp) return null;
  return h("footer", { class: "embed-foot wide" },
    data.footer?.icon_url && picture(data.footer.icon_url, ""),
    data.footer?.text,
    data.footer && data.timestamp && " • ",
    data.timestamp && timestamp(Math.floor(Date.parse(data.timestamp) / 1000), "s"));
}

/**
 * A picture from the sandbox itself, or a labelled frame for one from outside: this page fetches
 * nothing from the internet.
 */
export function picture(address, alt, kind = "") {
  const url = new URL(address, location.href);
  const person = AVATAR.exec(`${url.host}${url.pathname}`)?.[1];
  if (person && picture.nameOf) return portrait(picture.nameOf(person), kind);
  const own = ["127.0.0.1", "localhost", location.hostname].includes(url.hostname)
    && url.port === location.port;
  if (!own) return outside(url, alt, kind);
  return h("img", { class: `picture ${kind}`, src: url.pathname, alt, loading: "lazy" });
}

// Set by main.js: the display name behind a Discord user id, and whether it is the bot.
picture.nameOf = null;

function portrait({ name, bot }, kind) {
  return avatar(name, { bot, size: { thumb: 64, large: 120 }[kind] ?? 22 });
}

function outside(url, alt, kind) {
  return h("a", { class: `picture outside ${kind}`, href: url.href, target: "_blank",
    rel: "noopener noreferrer", title: `${alt || "Picture"}: ${url.href}` }, `🖼 ${url.hostname}`);
}

export function attachment(file) {
  if (/^image\/(png|jpe?g|gif|webp)$/.test(file.content_type ?? "")) {
    return picture(file.url, file.description ?? file.filename, "large");
  }
  return h("a", { class: "file", href: new URL(file.url, location.href).pathname,
    download: file.filename }, `📄 ${file.filename}`, " ",
  h("small", {}, `${Math.ceil(file.size / 1024)} KB`));
}
