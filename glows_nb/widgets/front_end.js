// What only the page can do for the widgets around it: copy, open a page, say whether anybody looks, keep the keys,
// tell how long ago something was. It stands unseen inside its container, the closest element of class glows-widget.

const FOCUSABLE = "input, select, textarea, button, summary, [tabindex]";
const STEPS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const REFRESH_TIMES_MS = 5000;
const SEEN_AGAIN_MS = 20000;
const NOW_SECONDS = 5;
const DEAD = "jupyter-widgets-disconnected";

// The container in which somebody clicked last: a widget can be on the page twice, and opens a page once.
let lastUsed = null;

// The notebook takes arrow keys and letters from whatever has the focus, unless that very element says no.
function keepKeys(container) {
  for (const element of container.querySelectorAll(FOCUSABLE)) element.dataset.lmSuppressShortcuts = "true";
}

function label(container, labels) {
  for (const [name, attributes] of Object.entries(labels)) {
    for (const element of container.querySelectorAll(`.${name}`)) {
      for (const [attribute, value] of Object.entries(attributes)) {
        if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value);
      }
    }
  }
}

// <time datetime="…">: the exact time goes into the title, the words say how long ago that was.
function tellTimes(container, { relative, justNow }) {
  for (const element of container.querySelectorAll("time[datetime]")) {
    const seconds = (new Date(element.dateTime) - Date.now()) / 1000;
    if (Number.isNaN(seconds)) continue;
    const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? STEPS[STEPS.length - 1];
    const words = Math.abs(seconds) < NOW_SECONDS ? justNow : relative.format(Math.trunc(seconds / size), unit);
    element.title ||= element.dateTime;
    if (element.textContent !== words) element.textContent = words;
  }
}

// A saved notebook has the widgets' last state as plain HTML beside them; where they live it would be there twice, so
// the style sheet hides it there. Other cells keep theirs: their widgets may be dead.
function outputsAround(element) {
  return element.closest(".jp-OutputArea") ?? document.body;
}

function render({ model, el }) {
  const language = model.get("language");
  const formats = {
    relative: new Intl.RelativeTimeFormat(language, { numeric: "always" }),
    justNow: new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(0, "second"),
  };
  el.hidden = true;
  el.className = "glows-dead-words";
  // A widget can be on the page several times, and on several pages; each says for itself whether it is seen.
  const view = Math.random().toString(36).slice(2);
  let container = null;
  let outputs = null;
  let isOnScreen = false;
  let isDead = false;
  let frame = 0;

  const isSeen = () => isOnScreen && document.visibilityState === "visible";

  function tellVisibility() {
    if (isDead) return;
    // The connection may be closed already; then the silence says the same, only later.
    try {
      model.send({ view, is_seen: isSeen() });
    } catch {}
  }

  // When the kernel has ended, nothing here hears a click any more, and what is shown grows old: say so, once.
  function tellDeath() {
    isDead = container.classList.contains(DEAD);
    el.textContent = isDead ? model.get("words").dead : "";
    el.hidden = !isDead;
    for (const child of container.children) child.inert = isDead && !child.contains(el);
  }

  function dress() {
    if (!container) return;
    label(container, model.get("labels"));
    keepKeys(container);
    tellTimes(container, formats);
  }

  const use = () => (lastUsed = container);
  const changes = new MutationObserver(dress);
  const life = new MutationObserver(tellDeath);
  const screen = new IntersectionObserver((entries) => {
    isOnScreen = entries[entries.length - 1].isIntersecting;
    tellVisibility();
  });

  // The widget is put into its container only some time after it was drawn.
  function attach() {
    container = el.closest(".glows-widget");
    if (!container) {
      frame = requestAnimationFrame(attach);
      return;
    }
    outputs = outputsAround(container);
    outputs.classList.add("glows-live");
    dress();
    changes.observe(container, { childList: true, subtree: true });
    life.observe(container, { attributes: true, attributeFilter: ["class"] });
    screen.observe(container);
    container.addEventListener("click", use, true);
  }
  frame = requestAnimationFrame(attach);

  function onMessage(content) {
    if (lastUsed !== null && lastUsed !== container) return;
    if (content?.copy !== undefined) {
      copy(content.copy).then(
        () => model.send({ copied: true }),
        () => model.send({ copied: false }),
      );
    }
    if (content?.open !== undefined) window.open(content.open, "_blank", "noopener");
  }

  const clock = setInterval(() => container && tellTimes(container, formats), REFRESH_TIMES_MS);
  // A page that is closed or cut off can't say so: who says nothing for long is taken to be gone.
  const reminder = setInterval(() => isSeen() && tellVisibility(), SEEN_AGAIN_MS);
  document.addEventListener("visibilitychange", tellVisibility);
  model.on("msg:custom", onMessage);
  model.on("change:labels", dress);
  return () => {
    clearInterval(clock);
    clearInterval(reminder);
    cancelAnimationFrame(frame);
    changes.disconnect();
    life.disconnect();
    screen.disconnect();
    container?.removeEventListener("click", use, true);
    if (lastUsed === container) lastUsed = null;
    if (!outputs?.querySelector(".glows-widget")) outputs?.classList.remove("glows-live");
    document.removeEventListener("visibilitychange", tellVisibility);
    model.off("msg:custom", onMessage);
    model.off("change:labels", dress);
    isOnScreen = false;
    tellVisibility();
  };
}

export default { render };
