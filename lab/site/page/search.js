// The search of a patchlab site. It looks through patchlabIndex, which
// search-data.js sets, and asks nobody else. What it shows comes from machines
// and files of others: it is only ever set as text.
"use strict";
(() => {
  const index = patchlabIndex;
  const labs = index.labs || [], patches = index.patches || [];
  const byId = (id) => document.getElementById(id);
  const input = byId("q"), list = byId("results"), status = byId("status"), more = byId("more");
  const step = 50, marks = { pass: "✓", fail: "✕", inconclusive: "?" };
  let found = [], shown = 0;

  const low = (...texts) => texts.flat(3).join(" ").toLowerCase();
  const labText = labs.map((l) => low("lab", l.name, l.client));
  const patchText = patches.map((p) => low(p.name, p.names || [], p.sha, p.files || [], p.again ? "re-released" : ""));
  const entries = [];
  for (const c of index.clients || []) {
    entries.push({ kind: "client", title: c.name, page: c.page, texts: [low("client", c.name)] });
  }
  labs.forEach((l, i) => entries.push({ kind: "lab", title: l.name, side: l.client, page: l.page, texts: [labText[i]] }));
  patches.forEach((p, i) => entries.push({
    kind: "patch", title: p.name, side: p.sha.slice(0, 12), note: p.again ? "Re-released: the same name, other bytes." : "",
    page: p.page, texts: ["patch ", patchText[i]], files: p.files || [],
  }));
  for (const [lab, patch, name, verdict, time, reason, id, page] of index.runs || []) {
    entries.push({
      kind: "run", verdict, title: name + " on " + labs[lab].name, side: time, note: reason, page,
      texts: [low("run", name, verdict, time, reason, id), labText[lab], patchText[patch]], files: patches[patch].files || [],
    });
  }

  const element = (tag, text, name) => {
    const e = document.createElement(tag);
    if (text) e.textContent = text;
    if (name) e.className = name;
    return e;
  };

  // file tells which file of a patch a word was found in, when it is only there.
  const file = (entry, words) => {
    const visible = low(entry.title, entry.side || "", entry.note || "");
    for (const word of words) {
      if (visible.includes(word)) continue;
      const hit = (entry.files || []).find((f) => low(f).includes(word));
      if (hit) return hit[0].trim() + " " + hit[1];
    }
    return "";
  };

  const row = (entry, words) => {
    const item = element("li"), link = element("a", entry.title), line = element("p");
    link.href = entry.page;
    const badge = element("span", entry.verdict || entry.kind, "badge " + (entry.verdict || ""));
    if (marks[entry.verdict]) {
      const mark = element("span", marks[entry.verdict] + " ");
      mark.setAttribute("aria-hidden", "true");
      badge.prepend(mark);
    }
    line.append(badge, " ", link, " ");
    line.append(element("span", entry.side, "muted small"));
    item.append(line);
    if (entry.note) item.append(element("p", entry.note, "why"));
    const where = file(entry, words);
    if (where) item.append(element("p", where, "hash muted"));
    return item;
  };

  const grow = () => {
    const next = found.slice(shown, shown + step), words = wanted();
    list.append(...next.map((e) => row(e, words)));
    shown += next.length;
    more.hidden = shown >= found.length;
  };

  const wanted = () => input.value.toLowerCase().split(/\s+/).filter(Boolean);

  const search = () => {
    const words = wanted();
    found = words.length ? entries.filter((e) => words.every((w) => e.texts.some((t) => t.includes(w)))) : [];
    list.replaceChildren();
    shown = 0;
    grow();
    status.textContent = !words.length ? entries.length + " labs, clients, patches and runs can be searched."
      : found.length === 1 ? "1 found." : found.length + " found.";
    try { // so that coming back finds the same again
      history.replaceState(null, "", "#q=" + encodeURIComponent(input.value));
    } catch { /* a browser that forbids it for files */ }
  };

  const links = () => [...list.querySelectorAll("a")];
  const move = (by) => {
    const all = links(), at = all.indexOf(document.activeElement);
    if (at + by < 0) input.focus();
    else if (all[at + by]) all[at + by].focus();
    else if (!more.hidden) more.focus();
  };

  byId("find").addEventListener("submit", (event) => {
    event.preventDefault();
    move(1);
  });
  document.addEventListener("keydown", (event) => {
    const inside = event.target === input || list.contains(event.target);
    if (event.ctrlKey || event.altKey || event.metaKey || !inside) return;
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp" && event.target !== input) move(-1);
    else if (event.key === "Escape" && event.target !== input) input.focus();
    else return;
    event.preventDefault();
  });
  more.addEventListener("click", () => {
    const first = shown;
    grow();
    const link = links()[first];
    if (link) link.focus();
  });
  input.addEventListener("input", search);

  const hash = location.hash.startsWith("#q=") ? location.hash.slice(3) : "";
  try {
    input.value = hash ? decodeURIComponent(hash) : new URLSearchParams(location.search).get("q") || "";
  } catch { input.value = ""; }
  search();
  input.focus();
})();
