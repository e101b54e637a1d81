"use strict";
(() => {
  const root = document.documentElement;
  const MISSING = ["", "–"];

  function made(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  function say(words) {
    document.querySelector(".said").textContent = words;
  }

  function followTheme() {
    const button = document.querySelector("button.theme");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
    const show = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try {
        localStorage.setItem("tfmed-theme", root.dataset.theme);
      } catch { /* a file:// page may be refused storage */ }
      show();
    });
    system.addEventListener("change", show);
    show();
  }

  /* What is folded opens for a link to something in it, for a printer, and all at once if asked. */
  function followFolds() {
    const folds = [...document.querySelectorAll("details.more")];
    const open = (all) => { for (const fold of folds) fold.open = all; };
    const show = (hash) => {
      const target = document.getElementById(hash.slice(1));
      const fold = target?.closest("details.more");
      if (fold) {
        fold.open = true;
        target.scrollIntoView();
      }
    };
    for (const link of document.querySelectorAll("main a[href^='#']")) {
      link.addEventListener("click", () => show(link.hash));
    }
    addEventListener("hashchange", () => show(location.hash));
    show(location.hash);

    let closed = [];
    addEventListener("beforeprint", () => {
      closed = folds.filter((fold) => !fold.open);
      open(true);
    });
    addEventListener("afterprint", () => { for (const fold of closed) fold.open = false; });

    const button = document.querySelector("button.unfold");
    const allOpen = () => folds.every((fold) => fold.open);
    const name = () => { button.textContent = allOpen() ? "Fold details" : "Unfold details"; };
    button.hidden = !folds.length;
    button.addEventListener("click", () => open(!allOpen()));
    for (const fold of folds) fold.addEventListener("toggle", name);
    name();
  }

  function followReader() {
    const small = document.querySelector("details.contents");
    const links = [...document.querySelectorAll(".contents a")];
    for (const link of small.querySelectorAll("a")) {
      link.addEventListener("click", () => { small.open = false; });
    }
    const mark = (id) => {
      for (const link of links) {
        if (link.hash !== `#${id}`) link.removeAttribute("aria-current");
        else {
          link.setAttribute("aria-current", "true");
          small.querySelector(".here").textContent = ` · ${link.textContent}`;
        }
      }
    };
    const sections = document.querySelectorAll("main > section");
    if (sections.length) mark(sections[0].id);
    const observer = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) mark(entry.target.id);
    }, { rootMargin: "-20% 0px -79% 0px" });
    sections.forEach((section) => observer.observe(section));
  }

  const NUMBER = /^[<>±]?\s*[+−-]?\d[\d,]*(?:\.\d+)?/;
  const INTERVAL = /^([+−-]?\d[\d,]*(?:\.\d+)?)\s*([^[\d]*?)\s*\[([^,\]]+), ([^\]]+)\]\s*(.*)$/s;

  function textOf(cell) {
    return cell.textContent.replace(/\s+/g, " ").trim();
  }

  function plainNumber(text) {
    const plain = text.replace("−", "-").replace(/(\d),(?=\d{3})/g, "$1");
    return /^[+-]?\d+(\.\d+)?$/.test(plain) ? plain.replace("+", "") : text;
  }

  function valueOf(text) {
    const found = text.match(NUMBER);
    if (!found) return NaN;
    const value = Number(plainNumber(found[0].replace(/^[<>±]\s*/, "")));
    return text.startsWith("<") ? value - 1e-9 : value;
  }

  function compare(a, b, numeric) {
    return numeric ? valueOf(a) - valueOf(b) : a.localeCompare(b, "en", { numeric: true });
  }

  /* Rows below one title stay below it; what is missing stays last in both directions. */
  function sortTable(body, original, column, direction) {
    const texts = new Map(original.map((row) => [row, textOf(row.cells[Math.min(column, row.cells.length - 1)])]));
    const isGroup = (row) => row.classList.contains("group");
    const known = original.filter((row) => !isGroup(row) && !MISSING.includes(texts.get(row)));
    const numeric = known.every((row) => NUMBER.test(texts.get(row)));
    const parts = [[]];
    for (const row of original) {
      if (isGroup(row)) parts.push([row]);
      else parts.at(-1).push(row);
    }
    for (const part of parts) {
      const rows = part.filter((row) => !isGroup(row));
      rows.sort((a, b) => {
        const [left, right] = [texts.get(a), texts.get(b)];
        const absent = MISSING.includes(left) - MISSING.includes(right);
        return absent || direction * compare(left, right, numeric);
      });
      body.append(...part.filter(isGroup), ...rows);
    }
  }

  function makeSortable(table) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    if (original.length < 3) return;
    for (const header of table.tHead.querySelectorAll("th")) {
      const name = textOf(header);
      const button = made("button", { type: "button" }, ...header.childNodes);
      header.replaceChildren(button);
      button.addEventListener("click", () => {
        const next = { null: "ascending", ascending: "descending", descending: null };
        const order = next[header.getAttribute("aria-sort")];
        for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
        if (order === null) {
          body.append(...original);
          say("In the first order again");
          return;
        }
        header.setAttribute("aria-sort", order);
        sortTable(body, original, header.cellIndex, order === "ascending" ? 1 : -1);
        say(`Sorted by ${name}, ${order}`);
      });
    }
  }

  function save(name, type, content) {
    const address = URL.createObjectURL(new Blob([content], { type: `${type};charset=utf-8` }));
    const link = made("a", { href: address, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  function csvLine(cells) {
    return cells.map((cell) => (/[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",");
  }

  /* A column of intervals becomes columns of numbers, so that nobody has to take them apart. */
  function spread(title, texts) {
    const found = texts.map((text) => text.match(INTERVAL));
    const cleaned = texts.map((text) => (MISSING.includes(text) ? "" : plainNumber(text)));
    if (!found.some(Boolean)) return [[title, ...cleaned]];
    const part = (pick, otherwise) => found.map((match, i) => (match ? pick(match) : otherwise(i)));
    const notes = part((match) => `${match[2]} ${match[5]}`.trim(), () => "");
    return [
      [title, ...part((match) => plainNumber(match[1]), (i) => cleaned[i])],
      [`${title} (low)`, ...part((match) => plainNumber(match[3]), () => "")],
      [`${title} (high)`, ...part((match) => plainNumber(match[4]), () => "")],
      ...(notes.some(Boolean) ? [[`${title} (note)`, ...notes]] : []),
    ];
  }

  function tableAsCsv(table) {
    const titles = [...table.tHead.rows[0].cells].map(textOf);
    const groups = [];
    const rows = [];
    let group = "";
    for (const row of table.tBodies[0].rows) {
      if (row.classList.contains("group")) group = textOf(row);
      else {
        rows.push([...row.cells].map(textOf));
        groups.push(group);
      }
    }
    const columns = titles.flatMap((title, i) => spread(title, rows.map((row) => row[i] ?? "")));
    if (groups.some(Boolean)) columns.unshift(["group", ...groups]);
    if (document.querySelector(".mark")) columns.push(["synthetic_data", ...rows.map(() => "yes")]);
    return columns[0].map((_, i) => `${csvLine(columns.map((column) => column[i]))}\n`).join("");
  }

  function offerTable(table) {
    const label = table.closest(".scroll").getAttribute("aria-label");
    const button = made("button", { type: "button", ariaLabel: `Save ${label} as CSV` }, "CSV");
    button.addEventListener("click", () => save(`${table.dataset.name}.csv`, "text/csv", tableAsCsv(table)));
    table.closest(".item").append(made("p", { className: "tools" }, button));
  }

  /* Saved drawings have their own colours, since programs other than browsers know no variables. */
  function drawingAsSvg(figure) {
    const text = new XMLSerializer().serializeToString(figure.querySelector(".drawing svg"));
    return text.replace(/var\(--c-[0-9a-f]{6}, (#[0-9a-f]{6})\)/g, "$1");
  }

  function offerFigure(figure) {
    const content = {
      svg: () => ["image/svg+xml", drawingAsSvg(figure)],
      csv: () => ["text/csv", JSON.parse(figure.querySelector(".tools script").textContent)],
    };
    for (const link of figure.querySelectorAll("a[data-save]")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        save(link.download, ...content[link.dataset.save]());
      });
    }
  }

  /* Only what scrolls need be reached by keyboard. */
  function watchRegions() {
    const observer = new ResizeObserver((entries) => {
      for (const { target } of entries) {
        if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
        else target.removeAttribute("tabindex");
      }
    });
    for (const region of document.querySelectorAll(".scroll")) observer.observe(region);
  }

  followTheme();
  followFolds();
  followReader();
  for (const table of document.querySelectorAll("main table[data-name]")) {
    makeSortable(table);
    offerTable(table);
  }
  document.querySelectorAll("main figure.item").forEach(offerFigure);
  watchRegions();
})();
