// Elements made of values, and a tree of the page brought to be like another. What is the same stays where it
// is: focus, selection and what is being typed survive each update. All text goes in as text.

const SVG = 'http://www.w3.org/2000/svg';
const SVG_NAMES = new Set(['svg', 'path', 'rect', 'line', 'circle', 'g', 'text']);

// What a reader of the page has changed is the reader's: an update leaves it alone.
const OWN = new Set(['open', 'value']);

/** An element with attributes, listeners (`onclick`), a `key` among its siblings, and children. */
export function h(name, attributes, ...children) {
  const made = SVG_NAMES.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  made.listens = {};
  for (const [attribute, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (attribute === 'key') made.key = String(value);
    else if (typeof value === 'function') made.listens[attribute] = made[attribute] = value;
    else made.setAttribute(attribute, value === true ? '' : String(value));
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

/** Makes the children of `place` like `wanted`. */
export function show(place, ...wanted) {
  const made = h('div', null, wanted);
  alikeChildren(place, made);
}

function isAlike(held, wanted) {
  return held.nodeType === wanted.nodeType && held.nodeName === wanted.nodeName && held.key === wanted.key;
}

function alike(held, wanted) {
  if (held.nodeType === Node.TEXT_NODE) {
    if (held.data !== wanted.data) held.data = wanted.data;
    return;
  }
  for (const { name } of [...held.attributes]) {
    if (!wanted.hasAttribute(name) && !OWN.has(name)) held.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (held.getAttribute(name) !== value && !(OWN.has(name) && held.hasAttribute(name))) held.setAttribute(name, value);
  }
  for (const name of Object.keys(held.listens ?? {})) {
    if (!wanted.listens?.[name]) held[name] = null;
  }
  for (const [name, listener] of Object.entries(wanted.listens ?? {})) held[name] = listener;
  held.listens = wanted.listens;
  alikeChildren(held, wanted);
}

function alikeChildren(held, wanted) {
  const byKey = new Map([...held.childNodes].filter((child) => child.key).map((child) => [child.key, child]));
  let place = held.firstChild;
  for (const child of [...wanted.childNodes]) {
    const found = child.key ? byKey.get(child.key) : place;
    if (found && isAlike(found, child)) {
      if (found === place) place = place.nextSibling;
      else held.insertBefore(found, place);
      alike(found, child);
    } else {
      held.insertBefore(child, place);
      // what stands here is another thing: it goes, unless it is wanted further on
      if (place && !place.key && !child.key) {
        const gone = place;
        place = place.nextSibling;
        gone.remove();
      }
    }
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    gone.remove();
  }
}
