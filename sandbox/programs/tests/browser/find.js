(within, role, name) => {
  // The middle of the first visible element with this role and name, scrolled into view.
  const roots = [...document.querySelectorAll(within)];
  const selectors = {
    button: 'button, [role=button], summary',
    link: 'a[href], [role=link], [role=tab]',
    textbox: 'input:not([type=checkbox]):not([type=radio]):not([type=button]):not([type=submit]), textarea, [role=textbox]',
    combobox: 'select',
    checkbox: 'input[type=checkbox], [role=switch], [role=checkbox]',
  };
  const clean = (text) => (text ?? '').replace(/\s+/g, ' ').trim();
  const nameOf = (element) => {
    const label = element.getAttribute('aria-label');
    if (label) return clean(label);
    const ids = element.getAttribute('aria-labelledby');
    if (ids) return clean(ids.split(/\s+/).map((id) => document.getElementById(id)?.textContent).join(' '));
    if (element.labels?.length) return clean([...element.labels].map((label) => label.textContent).join(' '));
    return clean(element.textContent) || clean(element.getAttribute('title')) || clean(element.getAttribute('placeholder'));
  };
  const seen = (element) => element.checkVisibility({ checkVisibilityCSS: true }) && !element.disabled;
  for (const exact of [true, false]) {
    for (const root of roots) {
      for (const element of root.querySelectorAll(selectors[role])) {
        const found = nameOf(element);
        if (!(exact ? found === name : found.startsWith(name)) || !seen(element)) continue;
        element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
        const box = element.getBoundingClientRect();
        if (box.width === 0) continue;
        return [box.x + box.width / 2, box.y + box.height / 2];
      }
    }
  }
  return null;
}
