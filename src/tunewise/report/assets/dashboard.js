"use strict";
// Names and roles that optuna-dashboard's pages lack, put on whatever React draws, whenever it draws.
(() => {
  const named = (icon, name) => [`:is(button, a):has([data-testid="${icon}"])`, { "aria-label": name }];
  // The words beside a field: of its label, of what stands before it, or what is chosen in it.
  const beside = (field) => {
    const control = field.closest(".MuiFormControl-root");
    for (let at = control ?? field; at && at !== document.body; at = at.parentElement) {
      const words = (at === control && at.querySelector("label")?.textContent) || at.previousElementSibling?.textContent;
      if (words?.trim()) return words.trim().replace(/:$/, "");
    }
    return field.textContent.trim() || "choice";
  };
  const lacks = (field) => !field.labels?.length && !field.getAttribute("aria-label");
  const fixes = [
    named("ChevronLeftIcon", "close drawer"),
    named("HomeIcon", "all studies"),
    [".MuiList-root > hr", { "aria-hidden": "true" }],
    [".MuiList-root:has(> div > li)", { role: "presentation" }], // the list of trials, of which the visible part is drawn
    [".MuiList-root > div:has(> li)", { role: "list" }],
    [".MuiDrawer-root", { role: "navigation", "aria-label": "pages" }],
    [".MuiToolbar-root .MuiTypography-noWrap", { role: "heading", "aria-level": "1" }],
    [":is(h4, h5, h6).MuiTypography-root", { "aria-level": "2" }],
  ];
  const fix = () => {
    const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/\d+/g);
    const [root, light] = [document.documentElement.classList, +red + +green + +blue > 382];
    if (root.contains("tunewise-light") !== light) root.toggle("tunewise-light");
    for (const [selector, attributes] of fixes) {
      for (const element of document.querySelectorAll(selector)) {
        for (const [name, value] of Object.entries(attributes)) {
          if (element.getAttribute(name) !== value) element.setAttribute(name, value);
        }
      }
    }
    for (const field of document.querySelectorAll("input:not([type=file]), [role=combobox]")) {
      if (lacks(field)) field.setAttribute("aria-label", beside(field));
    }
    for (const box of document.querySelectorAll(".MuiBox-root, .MuiTableContainer-root, .MuiDrawer-paper")) {
      const scrolls = box.scrollHeight > box.clientHeight || box.scrollWidth > box.clientWidth;
      if (scrolls && /auto|scroll/.test(getComputedStyle(box).overflow)) box.tabIndex = 0;
    }
  };
  let waits = false;
  const soon = () => {
    if (waits) return;
    waits = true;
    setTimeout(() => { waits = false; fix(); }, 100);
  };
  new MutationObserver(soon).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["class"] });
  soon();
})();
