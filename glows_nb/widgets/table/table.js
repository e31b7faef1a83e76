// The face of the table widget: headings that sort, a filter, rows to select by mouse or keys, and pages of a window.
// What is shown is decided in table.py; nothing is fetched from anywhere.

const WINDOW = 100;
// A sign and a colour, never a colour alone; the colours are those of Okabe and Ito, which colour blindness leaves
// apart, and of middling lightness, so that they can be seen on light and on dark.
const GREEN = "#009E73";
const ORANGE = "#D68A00";
const BLUE = "#3B8EC9";
const STATUS = {
  Running: ["●", GREEN],
  SchedInit: ["◌", ORANGE],
  SchedQueued: ["◌", ORANGE],
  Pending: ["◔", ORANGE],
  Pausing: ["‖", BLUE],
  Paused: ["‖", BLUE],
  Resuming: ["▷", BLUE],
  Canceling: ["◑", "gray"],
  Finished: ["○", "gray"],
  Exited: ["○", "gray"],
  Unavail: ["▲", ORANGE],
  // Snapshots and places in networks have statuses of their own.
  Available: ["●", GREEN],
  Saving: ["◔", ORANGE],
  Failed: ["✕", ORANGE],
  Connecting: ["◔", ORANGE],
  Connected: ["●", GREEN],
};

function statusSign(word) {
  const [sign, colour] = STATUS[word] ?? ["?", "inherit"];
  const made = element("span", { textContent: `${sign} ` });
  made.style.color = colour;
  made.setAttribute("aria-hidden", "true");
  return made;
}

function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// The notebook takes arrow keys from any focused element unless the element itself says otherwise.
function focusable(made, tabIndex = 0) {
  made.tabIndex = tabIndex;
  made.setAttribute("data-lm-suppress-shortcuts", "true");
  return made;
}

function render({ model, el }) {
  const words = model.get("words");
  const root = element("div", { className: "glows-table" });
  const badge = element("span", { className: "glows-table-badge", textContent: "SANDBOX" });
  const caption = element("span", { className: "glows-table-caption" });
  const filter = focusable(element("input", { type: "search", placeholder: words.filter }));
  filter.setAttribute("aria-label", words.filter);
  const copyButton = focusable(element("button", { type: "button", textContent: words.copy }));
  const head = element("tr");
  const body = element("tbody");
  const table = element("table", {}, [element("thead", {}, [head]), body]);
  table.setAttribute("role", "grid");
  const back = focusable(element("button", { type: "button", textContent: words.previous }));
  const on = focusable(element("button", { type: "button", textContent: words.next }));
  const place = element("span", { className: "glows-table-place" });
  place.setAttribute("aria-live", "polite");
  const pages = element("div", { className: "glows-table-bar" }, [back, on, place]);
  const scroll = element("div", { className: "glows-table-scroll" }, [table]);
  root.append(element("div", { className: "glows-table-bar" }, [badge, caption, filter, copyButton]), scroll, pages);
  el.append(root);

  function set(changes) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  }

  function drawCaption() {
    badge.hidden = !model.get("is_sandbox");
    caption.textContent = model.get("caption");
    table.setAttribute("aria-label", model.get("caption") || words.table);
  }

  function drawHead() {
    head.replaceChildren(
      ...model.get("columns").map(({ name, heading, kind }) => {
        const isSorted = model.get("sort_column") === name;
        const isDescending = model.get("is_descending");
        const sign = isSorted ? (isDescending ? " ▼" : " ▲") : "";
        const button = focusable(element("button", { type: "button", textContent: heading + sign }));
        button.onclick = () => set({ sort_column: name, is_descending: isSorted && !isDescending });
        const cell = element("th", { scope: "col", className: kind === "number" ? "glows-number" : "" }, [button]);
        cell.setAttribute("aria-sort", isSorted ? (isDescending ? "descending" : "ascending") : "none");
        return cell;
      }),
    );
  }

  function drawRows() {
    const columns = model.get("columns");
    const selected = model.get("selected");
    const hadFocus = body.contains(document.activeElement);
    const rows = model.get("rows");
    const entry = rows.some(({ id }) => id === selected) ? selected : rows[0]?.id;
    body.replaceChildren(
      ...rows.map(({ id, cells, titles, bars }) => {
        const row = focusable(element("tr"), id === entry ? 0 : -1);
        row.dataset.id = id;
        row.setAttribute("aria-selected", String(id === selected));
        row.append(
          ...cells.map((text, index) => {
            const { kind } = columns[index];
            const parts = kind === "status" ? [statusSign(text), text] : [text];
            const cell = element("td", { title: titles[index] }, parts);
            if (kind === "number") cell.className = "glows-number";
            if (bars[index] !== null) {
              const part = `${100 * bars[index]}%`;
              const colour = "color-mix(in srgb, var(--glows-accent) 25%, transparent)";
              cell.style.background = `linear-gradient(to right, ${colour} ${part}, transparent ${part})`;
            }
            return cell;
          }),
        );
        row.onclick = () => choose(row);
        return row;
      }),
    );
    if (hadFocus) body.querySelector("tr[tabindex='0']")?.focus();
    const first = model.get("first");
    const total = model.get("total");
    const numbers = { first: first + 1, last: first + rows.length, total };
    place.textContent = total ? words.place.replace(/{(\w+)}/g, (_, name) => numbers[name]) : words.empty;
    root.classList.toggle("glows-table-empty", total === 0 && !model.get("query"));
    back.disabled = first === 0;
    on.disabled = first + WINDOW >= total;
    back.hidden = on.hidden = total <= WINDOW;
  }

  function choose(row) {
    if (!row) return;
    row.focus();
    set({ selected: row.dataset.id });
  }

  function markSelected() {
    const selected = model.get("selected");
    for (const row of body.children) {
      row.setAttribute("aria-selected", String(row.dataset.id === selected));
      if (selected !== null) row.tabIndex = row.dataset.id === selected ? 0 : -1;
    }
  }

  body.onkeydown = (event) => {
    const row = event.target.closest("tr");
    const steps = {
      ArrowDown: row?.nextElementSibling,
      ArrowUp: row?.previousElementSibling,
      Home: body.firstElementChild,
      End: body.lastElementChild,
      Enter: row,
      " ": row,
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    choose(steps[event.key]);
  };
  filter.value = model.get("query");
  filter.oninput = () => set({ query: filter.value });
  back.onclick = () => set({ first: Math.max(0, model.get("first") - WINDOW) });
  on.onclick = () => set({ first: model.get("first") + WINDOW });
  copyButton.onclick = () => model.send({ ask: "csv" });

  function onMessage(content) {
    if (content?.csv === undefined) return;
    copy(content.csv).then(
      () => (copyButton.textContent = words.copied),
      () => (copyButton.textContent = words.refused),
    );
  }

  const listeners = [
    ["change:caption change:is_sandbox", drawCaption],
    ["change:columns change:sort_column change:is_descending", drawHead],
    ["change:rows change:total change:first", drawRows],
    ["change:selected", markSelected],
    ["msg:custom", onMessage],
  ];
  for (const [events, listener] of listeners) for (const name of events.split(" ")) model.on(name, listener);
  drawCaption();
  drawHead();
  drawRows();
  return () => {
    for (const [events, listener] of listeners) for (const name of events.split(" ")) model.off(name, listener);
  };
}

export default { render };
