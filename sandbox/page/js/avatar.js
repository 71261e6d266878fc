// Round pictures. Everybody gets their own colours from their name, so no picture has to be fetched.
import { h } from "./dom.js";

/** A hue of 0 to 359 that stays the same for the same name. */
export function hueOf(name) {
  let hash = 7;
  for (const sign of String(name)) hash = (hash * 131 + sign.codePointAt(0)) % 100003;
  return (hash * 15) % 360; // a factor that sets the pretend people well apart
}

export function avatar(name, { bot = false, size } = {}) {
  const vars = { "--hue": hueOf(name), "--size": size ? `${size}px` : null };
  const inside = bot ? h("img", { src: "/page/icon.svg", alt: "" })
    : [...String(name).trim()][0]?.toUpperCase() ?? "?";
  return h("span", { class: bot ? "avatar bot" : "avatar", "aria-hidden": "true", vars }, inside);
}
