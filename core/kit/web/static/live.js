// One stream of changes for all pages of a browser, which opens six connections to a host at most.
// As a SharedWorker it serves every page; where there is none, each page asks every few seconds.
// A page says `follow`, also to say that it is still there, and hears {event, data} of its topic.
(() => {
  "use strict";

  const SILENT = 150000; // a hidden page's timers run once a minute
  const hub = (once) => {
    const topics = new Map(); // address -> {since, pages: Map of page -> when it was last heard}
    let stream, timer, current, isOpen = false;

    const tell = (page, message) => page.postMessage(message);
    const tellAll = (message) => { for (const { pages } of topics.values()) for (const page of pages.keys()) tell(page, message); };
    const setOpen = (now) => {
      if (now !== isOpen) tellAll({ event: now ? "open" : "lost" });
      isOpen = now;
    };
    const hear = (event) => {
      for (const page of topics.get(current)?.pages.keys() ?? []) tell(page, { event: event.type, data: event.data });
      if (event.type === "gone" && topics.delete(current) && !topics.size) open();
    };
    const open = () => {
      stream?.close();
      stream = undefined;
      if (!topics.size) return;
      const wanted = [...topics].map(([address, topic]) => "t=" + encodeURIComponent(topic.since + "," + address));
      stream = new EventSource("/overlay/live?" + wanted.join("&") + (once ? "&once" : ""));
      stream.addEventListener("open", () => setOpen(true));
      stream.addEventListener("topic", (event) => { current = event.data; });
      stream.addEventListener("told", (event) => { for (const topic of topics.values()) topic.since = event.lastEventId; });
      stream.addEventListener("later", () => soon(15000));
      for (const name of ["changed", "style", "show", "gone"]) stream.addEventListener(name, hear);
      stream.addEventListener("error", () => {
        // The browser tries again by itself, but not after an answer such as 502.
        if (stream?.readyState === EventSource.CLOSED) soon(5000);
        if (!once || stream?.readyState === EventSource.CLOSED) setOpen(false);
      });
    };
    const soon = (delay) => { clearTimeout(timer); timer = setTimeout(open, delay); };

    const follow = (page, since, address) => {
      const topic = topics.get(address) ?? { pages: new Map() };
      const isNew = !topic.pages.has(page);
      topics.set(address, topic);
      topic.pages.set(page, Date.now());
      if (!isNew) return;
      topic.since = since; // others may hear again what they know
      tell(page, { event: isOpen ? "open" : "lost" });
      soon(100);
    };
    const leave = (page, isSilent = false) => {
      for (const [address, topic] of topics) {
        const heard = topic.pages.get(page);
        if (!isSilent || heard < Date.now() - SILENT) topic.pages.delete(page);
        if (!topic.pages.size) topics.delete(address);
      }
      if (!topics.size) open();
    };
    setInterval(() => { for (const { pages } of [...topics.values()]) for (const page of [...pages.keys()]) leave(page, true); }, SILENT);
    return (page, message) => message.follow ? follow(page, message.since, message.follow) : leave(page);
  };

  if (typeof SharedWorkerGlobalScope !== "undefined") {
    const serve = hub(false);
    addEventListener("connect", ({ ports: [page] }) => {
      page.addEventListener("message", ({ data }) => serve(page, data));
      page.start();
      page.postMessage({ event: "ready" });
    });
    return;
  }

  // follow(topic, hear) -> {stop, start}: `topic` is "<position>,<address>", `hear` takes {event, data}.
  window.followTopic = (script, topic, hear) => {
    const [since, address] = [topic.slice(0, topic.indexOf(",")), topic.slice(topic.indexOf(",") + 1)];
    let send, waiting, beat;
    const told = (message) => {
      if (message.event === "gone") stop();
      hear(message);
    };
    const asPage = { postMessage: told };
    const alone = () => {
      clearTimeout(waiting);
      waiting = undefined;
      const serve = hub(true);
      send = (message) => serve(asPage, message);
      start(since);
    };
    const shared = () => {
      const worker = new SharedWorker(script);
      worker.addEventListener("error", () => { if (waiting) alone(); });
      worker.port.addEventListener("message", ({ data }) => {
        if (data.event !== "ready") { told(data); return; }
        if (!waiting) return;
        clearTimeout(waiting);
        waiting = undefined;
        send = (message) => worker.port.postMessage(message);
        start(since);
      });
      worker.port.start();
      waiting = setTimeout(alone, 5000);
    };
    const start = (from) => {
      clearInterval(beat);
      beat = setInterval(() => send({ follow: address, since: from }), 20000);
      send({ follow: address, since: from });
    };
    const stop = () => { clearInterval(beat); send?.({ leave: true }); };
    try { shared(); } catch { alone(); }
    addEventListener("pagehide", stop);
    addEventListener("pageshow", (event) => { if (event.persisted) start("unknown"); });
    return { stop, start: () => { if (send) start("unknown"); } };
  };
})();
