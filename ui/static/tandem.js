/* What the page does in the browser by itself: events of the Python side name these functions. */

window.tandem = (() => {
  /** Keep a value in the address, unless it is what an address without it means. */
  const keep = (url, key, value, usual) =>
    value && value !== usual ? url.searchParams.set(key, value) : url.searchParams.delete(key);

  const change = (into) => {
    const url = new URL(window.location.href);
    into(url);
    window.history.replaceState(null, '', url);
  };

  const scrollTo = (selector) => document.querySelector(selector)
    ?.scrollIntoView({ block: 'start', behavior: 'auto' });

  /** The question with its options stays in the address: a result can be shared, and reloaded. */
  const keepQuestion = (question, k, run, dims, lexical, ...rest) => {
    change((url) => {
      keep(url, 'q', question, '');
      keep(url, 'k', String(k), '5');
      keep(url, 'run', run, '');
      keep(url, 'dim', dims, 'all');
      keep(url, 'bm25', lexical ? '1' : '', '');
    });
    markStale(question);
    return [question, k, run, dims, lexical, ...rest];
  };

  /** What the Scoreboard shows stays in the address too. */
  const keepBoard = (outcome, against) => change((url) => {
    keep(url, 'filter', outcome, 'all');
    keep(url, 'against', against, 'Base');
  });

  const TABS = { Scoreboard: 'scoreboard', 'Fine-tune': 'finetune', Runs: 'runs' };

  /** The tab stays in the address; Compare is where an address without one leads. */
  const keepTab = () => setTimeout(() => {
    const chosen = document.querySelector('[role=tab][aria-selected=true]')?.innerText.trim();
    change((url) => keep(url, 'tab', TABS[chosen], ''));
  }, 50);

  /** Press a download button once it is filled: it downloads what it had when it was pressed. */
  const pressWhenFilled = async (selector, name) => {
    for (let tries = 0; name && tries < 100; tries++) {
      await new Promise((done) => setTimeout(done, 100));
      const button = document.querySelector(selector);
      if (button && button.innerText.includes(name)) return void button.click();
    }
  };
  const saveReport = (name) => pressWhenFilled('#report-save', name);
  const saveZip = () => pressWhenFilled('#zip-save', '.zip');
  const saveVotes = (name) => pressWhenFilled('#votes-save', name);

  /** A movement leads to the same passage on the other side. */
  const follow = (chip) => {
    const card = chip.closest('[data-slot]');
    const result = chip.closest('#result');
    const side = chip.dataset.go === 'tuned' ? 'base' : 'tuned';
    const other = result.querySelector(
      `article[data-slot="${card.dataset.slot}"][data-side="${side}"]`);
    if (!other) return;
    result.querySelectorAll('[data-target]').forEach((old) => old.removeAttribute('data-target'));
    other.setAttribute('data-target', '');
    const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    other.scrollIntoView({ block: 'nearest', behavior: still ? 'auto' : 'smooth' });
    other.focus({ preventScroll: true });
  };
  document.addEventListener('click', (event) => {
    const chip = event.target.closest?.('#result [data-go]');
    if (chip) follow(chip);
  });

  /** A dot opens its question beside the table; pressed again, the next of those it stands for. */
  document.addEventListener('click', (event) => {
    const dot = event.target.closest?.('[data-open]');
    const box = document.querySelector('#pressed :is(textarea, input)');
    if (!dot || !box) return;
    const questions = JSON.parse(dot.dataset.open);
    const next = (Number(dot.dataset.next) || 0) % questions.length;
    dot.dataset.next = next + 1;
    box.value = questions[next];
    box.dispatchEvent(new Event('input', { bubbles: true }));
    scrollTo('#beside');
  });

  /** A vote on the two lists presses the button behind it; what is counted is said beside it. */
  document.addEventListener('click', (event) => {
    const vote = event.target.closest?.('#result [data-vote]');
    if (!vote) return;
    vote.parentElement.querySelectorAll('[data-vote]').forEach(
      (one) => one.setAttribute('aria-pressed', String(one === vote)));
    document.querySelector(`#vote-${vote.dataset.vote}`)?.click();
  });
  const counted = (said) => {
    const place = document.querySelector('#result .t-helps [role=status]');
    if (place) place.textContent = said;
  };

  /** Pointing at a passage lights it up on the other side, with the line between. */
  const light = (event) => {
    document.querySelectorAll('[data-lit]').forEach((old) => old.removeAttribute('data-lit'));
    const card = event.target.closest?.('.t-pair [data-slot]');
    card?.closest('.t-pair').querySelectorAll(`[data-slot="${card.dataset.slot}"]`)
      .forEach((one) => one.setAttribute('data-lit', ''));
  };
  document.addEventListener('pointerover', light);
  document.addEventListener('focusin', light);

  /** Until the result answers the question in the box it is dimmed, and says so. */
  const markStale = (question) => {
    const result = document.querySelector('#result');
    if (!result) return;
    const answered = result.querySelector('[data-query]')?.dataset.query ?? '';
    const stale = question.trim() !== answered.trim();
    if (stale !== (result.getAttribute('aria-busy') === 'true')) {
      result.setAttribute('aria-busy', String(stale));
    }
  };
  const asked = () => document.querySelector('#question textarea, #question input')?.value ?? '';
  document.addEventListener('input', (event) => {
    if (event.target.closest?.('#question')) markStale(event.target.value);
  });

  /** Lines are drawn from where each card stands on the left to where it stands on the right. */
  const drawLines = () => document.querySelectorAll('.t-pair').forEach((pair) => {
    const lines = pair.querySelector('.t-lines');
    const box = lines?.getBoundingClientRect();
    if (!box || !box.width) return;
    lines.setAttribute('viewBox', `0 0 ${box.width} ${box.height}`);
    const middle = (side, slot) => {
      const card = pair.querySelector(`article[data-side="${side}"][data-slot="${slot}"]`);
      const place = card?.getBoundingClientRect();
      return place && place.top + Math.min(place.height / 2, 60) - box.top;
    };
    lines.querySelectorAll('path').forEach((path) => {
      const [from, to] = [middle('base', path.dataset.slot), middle('tuned', path.dataset.slot)];
      if (from === undefined || to === undefined) return;
      const half = box.width / 2;
      path.setAttribute('d', `M0 ${from}C${half} ${from} ${half} ${to} ${box.width} ${to}`);
      if (!path.hasAttribute('data-answer')) return;
      path.style.setProperty('--t-length', path.getTotalLength());
      const rise = pair.querySelector('.t-rise');
      const top = box.top - pair.getBoundingClientRect().top;
      rise?.style.setProperty('--t-at', `${top + to + Math.sign(from - to) * 34}px`);
    });
  });
  let drawing = 0;
  const redraw = () => {
    cancelAnimationFrame(drawing);
    drawing = requestAnimationFrame(drawLines);
  };
  window.addEventListener('resize', redraw);
  document.addEventListener('toggle', redraw, true);

  /** The result comes and goes with what Gradio draws: it is watched from when it is there. */
  const watch = () => {
    const result = document.querySelector('#result');
    if (!result) return false;
    new MutationObserver(() => { markStale(asked()); redraw(); })
      .observe(result, { childList: true, subtree: true });
    new ResizeObserver(redraw).observe(result);
    markStale(asked());
    redraw();
    return true;
  };
  const waiting = new MutationObserver(() => { if (watch()) waiting.disconnect(); });
  if (!watch()) waiting.observe(document.documentElement, { childList: true, subtree: true });

  /** The blind test is opened further down the page. */
  const toBlindTest = () => scrollTo('#blind-test');

  /** Example buttons hand on what they say. */
  const same = (text) => text;

  return { keepQuestion, keepBoard, keepTab, saveReport, saveZip, saveVotes, toBlindTest, counted, same };
})();
