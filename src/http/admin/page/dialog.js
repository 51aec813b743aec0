// Asks, and for a reason, before something is done, and says what came of it. The browser keeps the focus within the dialog and
// gives it back.

import { h, show } from './dom.js';
import { Gone } from './api.js';

const dialog = () => document.getElementById('dialog');

/** Says something aloud and on the page; it stays until the next is said. */
export function tell(text, kind = 'good') {
  const told = document.getElementById('told');
  told.className = `told ${kind}`;
  show(told, h('span', null, text), h('button', { class: 'quiet', type: 'button', 'aria-label': 'Dismiss', onclick: () => show(told) }, '×'));
}

/** What an error comes to in a sentence. */
export const said = (error) => (error instanceof Gone ? 'The daemon does not answer: nobody knows whether it was done. Look again before you repeat it.' : error.message);

/**
 * Asks for a reason, and does `act` with it. The dialog closes once that has been done; what is refused is said in
 * it.
 */
export function confirm({ title, text, button, danger = false, act }) {
  const box = dialog();
  let busy = false;
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    const field = box.querySelector('textarea');
    const given = field.value.trim();
    if (!given) {
      fail('Say why: the reason is kept with what is done.');
      field.focus();
      return;
    }
    busy = true;
    try {
      const done = await act(given);
      box.close();
      tell(done);
    } catch (error) {
      fail(said(error));
    }
    busy = false;
  };
  const fail = (words) => show(box.querySelector('.fault'), words);
  box.replaceChildren(h('form', { onsubmit: submit },
    h('h2', { id: 'dialog-title' }, title),
    h('div', { class: 'text' }, text),
    h('label', null, 'Reason', h('textarea', { name: 'reason', rows: 3, maxlength: 1000 })),
    h('p', { class: 'fault', role: 'alert' }),
    h('div', { class: 'buttons' },
      h('button', { type: 'button', class: 'quiet', onclick: () => box.close() }, 'Cancel'),
      h('button', { type: 'submit', class: danger ? 'danger' : 'main' }, button))));
  box.showModal();
  box.querySelector('textarea').focus();
}
