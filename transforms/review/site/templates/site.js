"use strict";
(() => {
  const root = document.documentElement;
  const query = document.getElementById("query");
  const results = document.getElementById("results");
  const menu = document.getElementById("menu");
  const LIMIT = 50;
  const KINDS = {
    mapping: ["映射", "mapping"], target: ["目标表", "target table"], rule: ["目标列", "target column"],
    "look-up": ["查找", "look-up"], let: ["命名的中间值", "named value"], example: ["示例", "example"], "fold-example": ["合并示例", "example of a fold"],
    table: ["规范表", "canonical table"], fold: ["合并", "fold"], column: ["规范列", "canonical column"],
    codeset: ["码表", "code set"], code: ["代码", "code"], field: ["字段", "field"], unit: ["计量单位", "unit"],
    error: ["错误码", "error code"], source: ["源系统", "source"], "source-table": ["源表", "source table"],
    "source-column": ["源列", "source column"], function: ["函数", "function"],
  };
  // What stewards look for first, where names are equally near.
  const ORDER = ["field", "error", "codeset", "code", "unit", "mapping", "table", "fold", "column", "rule", "source-table", "source-column"];
  let entries = null;

  const fold = (text) => text.normalize("NFKC").toLowerCase();
  const chinese = () => root.classList.contains("zh");
  const say = (zh, en) => (chinese() ? zh : en);

  function speak(language) {
    root.classList.toggle("zh", language === "zh");
    root.lang = language === "zh" ? "zh-CN" : "en";
    query.placeholder = query.dataset[language];
    for (const button of document.querySelectorAll("[data-language]")) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    }
    if (!results.hidden) show();
  }

  function read() {
    entries = Array.from(document.querySelectorAll("[data-kind]"), (element) => {
      const { kind, name, sub } = element.dataset;
      const place = ORDER.indexOf(kind);
      const all = fold(`${name} ${sub} ${element.textContent}`);
      // What sources call a code or a unit is as good as its name.
      const called = kind === "code" || kind === "unit" ? Array.from(element.querySelectorAll("samp"), (word) => fold(word.textContent)) : [];
      return { element, kind, name, sub, key: fold(name), called, all, place: place < 0 ? ORDER.length : place };
    });
  }

  function rank(entry, terms) {
    let total = 0;
    for (const term of terms) {
      if (!entry.all.includes(term)) return -1;
      total += entry.key === term || entry.called.includes(term) ? 0 : entry.key.startsWith(term) ? 1 : entry.key.includes(term) ? 2 : 4;
    }
    return total * 100 + entry.place;
  }

  function find(text) {
    if (!entries) read();
    const terms = fold(text).split(/\s+/).filter(Boolean);
    const found = [];
    entries.forEach((entry, number) => {
      const points = rank(entry, terms);
      if (points >= 0) found.push({ entry, points, number });
    });
    found.sort((one, other) => one.points - other.points || one.number - other.number);
    return { terms, found: found.map((one) => one.entry) };
  }

  // Texts of the dictionary are put in as texts, never as markup.
  function marked(parent, text, terms) {
    const low = text.toLowerCase();
    let place = 0;
    while (place < text.length) {
      let start = -1, length = 0;
      for (const term of terms) {
        const at = low.indexOf(term, place);
        if (at >= 0 && (start < 0 || at < start)) { start = at; length = term.length; }
      }
      if (start < 0) break;
      parent.append(text.slice(place, start));
      parent.append(Object.assign(document.createElement("mark"), { textContent: text.slice(start, start + length) }));
      place = start + length;
    }
    parent.append(text.slice(place));
  }

  // What is to be read of an element in the language of the page: cell by cell, its name aside.
  function words(element) {
    const other = chinese() ? "en" : "zh-CN";
    const cells = element.tagName === "TR" ? Array.from(element.cells).slice(1) : Array.from(element.children).slice(1);
    const told = (cell) => {
      let text = "", rule = null;
      const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const node = walker.currentNode, within = node.parentElement.closest(".rule");
        if (node.parentElement.closest(".t")?.lang === other) continue;
        const joined = node.previousSibling?.nodeName === "WBR" || (within && within === rule);
        text += (joined ? "" : " ") + node.data;
        rule = within;
      }
      return text.replace(/\s+/g, " ").replace(/ ([,.;:)])/g, "$1").trim();
    };
    return cells.map(told).filter((text) => text && text !== "–").join(" · ");
  }

  function snippet(entry, terms) {
    const text = words(entry.element);
    const low = text.toLowerCase();
    const places = terms.map((term) => low.indexOf(term)).filter((at) => at >= 0);
    const start = places.length ? Math.max(0, Math.min(...places) - 40) : 0;
    const end = start + 130;
    return `${start > 0 ? "… " : ""}${text.slice(start, end).trim()}${end < text.length ? " …" : ""}`;
  }

  function item(entry, terms) {
    const link = document.createElement("a");
    link.href = `#${entry.element.id}`;
    const span = (kind, text) => {
      const made = Object.assign(document.createElement("span"), { className: kind });
      marked(made, text, terms);
      return made;
    };
    const kind = Object.assign(document.createElement("span"), { className: "kind tag" });
    kind.textContent = say(...KINDS[entry.kind]);
    link.append(kind, span("hit", entry.name), " ", span("small", entry.sub), span("snippet small", snippet(entry, terms)));
    const line = document.createElement("li");
    line.append(link);
    return line;
  }

  function show() {
    const text = query.value.trim();
    results.replaceChildren();
    results.hidden = !text;
    if (!text) return;
    const { terms, found } = find(text);
    const count = document.createElement("p");
    count.className = "small";
    const more = found.length > LIMIT ? say(`，显示前 ${LIMIT} 处`, `, the first ${LIMIT} of them`) : "";
    count.textContent = say(`${found.length} 处${more}`, `${found.length} found${more}`);
    const list = document.createElement("ol");
    list.append(...found.slice(0, LIMIT).map((entry) => item(entry, terms)));
    results.append(count, list);
    results.scrollTop = 0;
  }

  function close() { results.hidden = true; }

  function toggle(open) {
    document.body.classList.toggle("menu", open);
    menu.setAttribute("aria-expanded", String(open));
  }

  function follow() {
    const asked = /^#\?q=(.*)$/.exec(location.hash);
    if (asked) {
      query.value = decodeURIComponent(asked[1]);
      show();
    }
  }

  function step(event) {
    const links = Array.from(results.querySelectorAll("a"));
    const place = links.indexOf(document.activeElement);
    const next = event.key === "ArrowDown" ? place + 1 : place - 1;
    if (next < 0) query.focus(); else links[Math.min(next, links.length - 1)]?.focus();
    event.preventDefault();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { close(); toggle(false); }
    if (event.key === "/" && document.activeElement !== query && !event.ctrlKey && !event.metaKey) { query.focus(); query.select(); event.preventDefault(); }
    if (!results.hidden && (event.key === "ArrowDown" || event.key === "ArrowUp")) step(event);
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".bar")) close();
    if (!event.target.closest("#menu, #contents")) toggle(false);
    if (event.target.closest("#results a, #contents a")) { close(); toggle(false); }
    const button = event.target.closest("[data-language]");
    if (button) speak(button.dataset.language);
  });
  menu.addEventListener("click", () => toggle(!document.body.classList.contains("menu")));
  query.addEventListener("input", show);
  query.addEventListener("focus", show);
  document.getElementById("search").addEventListener("submit", (event) => {
    event.preventDefault();
    results.querySelector("a")?.click();
  });
  addEventListener("hashchange", follow);

  root.classList.add("js");
  speak(navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
  follow();
})();
