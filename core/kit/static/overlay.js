// An overlay: shows what its stream sends, and keeps showing it while the connection is lost.
(() => {
  "use strict";

  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const left = (seconds) => {
    const found = [];
    for (const [unit, size] of parts) {
      if (seconds >= size || (found.length && found.length < 2)) found.push(Math.floor(seconds / size) + " " + unit);
      seconds %= size;
      if (found.length === 2) break;
    }
    return found.join(" ") || "0 s";
  };
  const tick = () => {
    for (const element of document.querySelectorAll("[data-until]")) {
      const seconds = Math.max(0, (new Date(element.dataset.until) - Date.now()) / 1000);
      element.textContent = left(seconds);
      element.className = seconds > 30 ? "" : seconds > 10 ? "soon" : "last";
    }
  };

  // Only rows that are new appear with a movement.
  const show = (html) => {
    const place = document.getElementById("overlay");
    const before = new Set([...place.querySelectorAll("li")].map((row) => row.textContent));
    place.innerHTML = html;
    for (const row of place.querySelectorAll("li")) if (before.has(row.textContent)) row.style.animation = "none";
    tick();
  };

  const listen = (address) => {
    const stream = new EventSource(address);
    stream.addEventListener("show", (event) => show(event.data));
    stream.addEventListener("style", (event) => { document.documentElement.className = event.data; });
    stream.addEventListener("gone", () => { stream.close(); show(""); });
    stream.addEventListener("error", () => {
      // The browser tries again by itself, but not after an answer such as 502.
      if (stream.readyState !== EventSource.CLOSED) return;
      fetch(location.href).then((answer) => { if (answer.status === 404) show(""); }, () => {});
      setTimeout(() => listen(address), 5000);
    });
  };

  addEventListener("DOMContentLoaded", () => {
    if (document.body.dataset.live) listen(document.body.dataset.live);
    tick();
    setInterval(tick, 1000);
  });
})();
