"use strict";
// The exchange seen through its public WebSocket API. Everything shown arrives as data and is written with
// textContent, so nothing the venue (or a label somebody chose) says can become markup.

// --- tabs --------------------------------------------------------------------------------------------

function drawUnderlyings() {
  const buttons = state.underlyings.map((name) => {
    const button = make("button");
    button.type = "button";
    button.setAttribute("role", "tab");
    button.setAttribute("aria-selected", String(name === state.underlying));
    button.append(make("b", "", name), make("span", "", NONE));
    button.onclick = () => choose(name, 0);
    button.dataset.underlying = name;
    return button;
  });
  $("underlyings").replaceChildren(...buttons);
  drawIndexes();
}

function indexName(underlying) {
  for (const i of state.instruments.values()) {
    if (i.base_currency === underlying && i.price_index) return i.price_index;
  }
  return `${underlying.toLowerCase()}_usdc`;
}

function drawIndexes() {
  for (const button of $("underlyings").children) {
    setText(button.lastChild, indexPrice(state.index.get(indexName(button.dataset.underlying))));
  }
}

function drawExpiries() {
  const now = Date.now();
  const buttons = expiriesOf(state.underlying).map((expiry) => {
    const button = make("button", "", day(expiry));
    button.type = "button";
    button.setAttribute("role", "tab");
    button.setAttribute("aria-selected", String(expiry === state.expiry));
    const iv = state.summaryIv.get(`${state.underlying}:${expiry}`);
    const left = span((expiry - now) / 1000);
    button.append(make("small", "", iv ? `${left} · ${plain(iv, 1)} %` : left));
    button.onclick = () => choose(state.underlying, expiry);
    return button;
  });
  const scrolled = $("expiries").scrollLeft;
  $("expiries").replaceChildren(...buttons);
  $("expiries").scrollLeft = scrolled;
}

function choose(underlying, expiry) {
  const expiries = expiriesOf(underlying);
  state.underlying = underlying;
  state.expiry = expiries.includes(expiry) ? expiry : defaultExpiry(expiries);
  state.picked = "";
  drawUnderlyings();
  drawExpiries();
  drawChain();
  followShown();
  centreChain();
}

// The first expiry at least two days away: the nearest ones are mostly decided.
function defaultExpiry(expiries) {
  const later = expiries.find((expiry) => expiry - Date.now() > 2 * 86400000);
  return later ?? expiries[0] ?? 0;
}

let wantsCentre = false;
function centreChain() {
  wantsCentre = true;
}

function centreIfKnown() {
  const row = document.querySelector("#rows tr.above");
  const box = document.querySelector(".scroll");
  if (!wantsCentre || !row) return;
  wantsCentre = false;
  if (box.scrollHeight > box.clientHeight) box.scrollTop = row.offsetTop - box.clientHeight / 2;
}

function followShown() {
  const wanted = new Set([
    "trades.any.USDC.100ms", "strikebook.batches", "strikebook.signed_heads", "strikebook.authorisation",
  ]);
  for (const underlying of state.underlyings) wanted.add(`deribit_price_index.${indexName(underlying)}`);
  for (const option of optionsShown()) wanted.add(`ticker.${option.instrument_name}.100ms`);
  const perpetual = perpetualShown();
  if (perpetual) wanted.add(`ticker.${perpetual.instrument_name}.100ms`);
  venue.follow(wanted);
}

// --- drawing: many pushes, one frame -----------------------------------------------------------------

let scheduled = false;
function schedule() {
  if (scheduled) return;
  scheduled = true;
  setTimeout(() => requestAnimationFrame(draw), 80);
}

function draw() {
  scheduled = false;
  for (const name of state.dirty) drawTicker(name);
  if (state.dirty.size) {
    drawForward();
    drawPerpetual();
    drawPicked();
    centreIfKnown();
  }
  state.dirty.clear();
  drawIndexes();
  if (state.redrawTrades) drawTrades();
  state.redrawTrades = false;
}

// --- the venue's data --------------------------------------------------------------------------------

function onPush(channel, data) {
  if (channel.startsWith("ticker.")) {
    state.tickers.set(data.instrument_name, data);
    state.dirty.add(data.instrument_name);
  } else if (channel.startsWith("deribit_price_index.")) {
    state.index.set(data.index_name, data.price);
  } else if (channel.startsWith("trades.")) {
    addTrades(data);
  } else if (channel === "strikebook.batches") {
    addBatches([data]);
  } else if (channel === "strikebook.signed_heads") {
    drawHead(data);
  } else if (channel === "strikebook.authorisation") {
    drawAuthorisation(data);
  }
  schedule();
}

async function loadInstruments() {
  const listed = await venue.call("public/get_instruments", { currency: "USDC" });
  const names = listed.map((i) => i.instrument_name).sort().join();
  const before = [...state.instruments.keys()].sort().join();
  if (names === before) return;
  state.instruments = new Map(listed.map((i) => [i.instrument_name, i]));
  state.underlyings = [...new Set(listed.filter((i) => i.kind === "option").map((i) => i.base_currency))].sort();
  const underlying = state.underlyings.includes(state.underlying) ? state.underlying : state.underlyings[0] ?? "";
  choose(underlying, state.expiry);
}

async function loadSummaries() {
  const summaries = await venue.call("public/get_book_summary_by_currency", { currency: "USDC", kind: "option" });
  const nearest = new Map();
  for (const summary of summaries) {
    const option = state.instruments.get(summary.instrument_name);
    if (!option || !isNumber(summary.mark_iv) || !isNumber(summary.underlying_price)) continue;
    const key = `${option.base_currency}:${option.expiration_timestamp}`;
    const distance = Math.abs(option.strike - summary.underlying_price);
    if (!nearest.has(key) || distance < nearest.get(key).distance) nearest.set(key, { distance, iv: summary.mark_iv });
  }
  state.summaryIv = new Map([...nearest].map(([key, { iv }]) => [key, iv]));
  drawExpiries();
}

async function loadLastTrades() {
  const perpetual = perpetualShown();
  if (!perpetual) return;
  const { trades } = await venue.call("public/get_last_trades_by_instrument", {
    instrument_name: perpetual.instrument_name, count: 10,
  });
  addTrades(trades);
}

const loadStatus = async () => drawStatus(await venue.call("public/strikebook_status"));

// Failures of a poll are no news: either the connection is down, which is shown, or the next one works.
function repeat(everyMs, work) {
  setInterval(() => {
    if (venue.isUp() && !document.hidden) work().catch(() => {});
  }, everyMs);
}

async function onUp() {
  document.body.classList.remove("stale");
  $("link").className = "link up";
  setText($("link"), "live");
  for (const load of [loadInstruments, loadSummaries, loadLastTrades, loadStatus, loadBatches]) {
    try {
      await load();
    } catch {
      // said by the connection's state, or mended by the next poll
    }
  }
}

function onDown(pauseMs) {
  document.body.classList.add("stale");
  $("link").className = "link down";
  setText($("link"), `no connection, trying again in ${plain(pauseMs / 1000, 1)} s`);
}

function showSide(side) {
  $("chain").className = `show-${side}`;
  $("show-calls").setAttribute("aria-selected", String(side === "calls"));
  $("show-puts").setAttribute("aria-selected", String(side === "puts"));
}

drawColumns();
$("show-calls").onclick = () => showSide("calls");
$("show-puts").onclick = () => showSide("puts");
$("rows").onclick = (event) => {
  const name = event.target.closest("td")?.dataset.name;
  if (!name) return;
  state.picked = name === state.picked ? "" : name;
  drawPicked();
};
$("pick-close").onclick = () => {
  state.picked = "";
  drawPicked();
};
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const venue = new Venue(`${scheme}//${location.host}/ws/api/v2`, { onUp, onDown, onPush });
repeat(1000, loadStatus);
repeat(2000, loadBatches);
repeat(5000, loadSummaries);
repeat(60000, loadInstruments);
