// What only the page can do for the widgets around it: copy, open a page, say whether anybody looks, keep the keys.
// It stands unseen inside its container, the closest element of class glows-widget.

const FOCUSABLE = "input, select, textarea, button, [tabindex]";

// The notebook takes arrow keys and letters from whatever has the focus, unless that very element says no.
function keepKeys(container) {
  for (const element of container.querySelectorAll(FOCUSABLE)) element.dataset.lmSuppressShortcuts = "true";
}

function label(container, labels) {
  for (const [name, attributes] of Object.entries(labels)) {
    for (const element of container.querySelectorAll(`.${name}`)) {
      for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
    }
  }
}

// A saved notebook has the widgets' last state as plain HTML beside them; where they live it would be there twice.
function hideStaticForm() {
  if (document.getElementById("glows-static-hidden")) return;
  const style = document.createElement("style");
  style.id = "glows-static-hidden";
  style.textContent = ".glows-static { display: none; }";
  document.head.append(style);
}

function render({ model, el }) {
  el.hidden = true;
  hideStaticForm();
  let container = null;
  let observer = null;
  let isOnScreen = true;

  function tellVisibility() {
    model.set("is_seen", isOnScreen && document.visibilityState === "visible");
    model.save_changes();
  }

  // The widget is put into its container only after it was drawn.
  const attached = requestAnimationFrame(function attach() {
    container = el.closest(".glows-widget");
    if (!container) return;
    const dress = () => {
      keepKeys(container);
      label(container, model.get("labels"));
    };
    dress();
    observer = new MutationObserver(dress);
    observer.observe(container, { childList: true, subtree: true });
    screenObserver.observe(container);
  });
  const screenObserver = new IntersectionObserver((entries) => {
    isOnScreen = entries[entries.length - 1].isIntersecting;
    tellVisibility();
  });

  function onMessage(content) {
    if (content?.copy !== undefined) {
      navigator.clipboard.writeText(content.copy).then(
        () => model.send({ copied: true }),
        () => model.send({ copied: false }),
      );
    }
    if (content?.open !== undefined) window.open(content.open, "_blank", "noopener");
  }

  document.addEventListener("visibilitychange", tellVisibility);
  model.on("msg:custom", onMessage);
  return () => {
    cancelAnimationFrame(attached);
    observer?.disconnect();
    screenObserver.disconnect();
    document.removeEventListener("visibilitychange", tellVisibility);
    model.off("msg:custom", onMessage);
  };
}

export default { render };
