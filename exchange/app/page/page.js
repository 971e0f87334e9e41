"use strict";
// The exchange seen through its public WebSocket API. Everything shown arrives as data and is written with
// textContent, so nothing the venue (or a label somebody chose) says can become markup.

// --- connection --------------------------------------------------------------------------------------

class Venue {
  constructor(url, { onUp, onDown, onPush }) {
    this.url = url;
    this.hooks = { onUp, onDown, onPush };
    this.nextId = 1;
    this.waiting = new Map();
    this.channels = new Set();
    this.pauseMs = 500;
    this.open();
  }

  open() {
    const socket = new WebSocket(this.url);
    this.socket = socket;
    let heardAt = Date.now();
    // A dead peer does not close the socket: no word for this long means it is gone.
    const watchdog = setInterval(() => {
      if (Date.now() - heardAt > 15000) socket.close();
      else if (this.isUp() && Date.now() - heardAt > 5000) this.call("public/test").catch(() => {});
    }, 2500);
    socket.onopen = () => {
      this.pauseMs = 500;
      this.send("public/subscribe", [...this.channels]);
      this.hooks.onUp();
    };
    socket.onmessage = (event) => {
      heardAt = Date.now();
      this.receive(event.data);
    };
    socket.onclose = () => {
      clearInterval(watchdog);
      for (const { reject } of this.waiting.values()) reject(new Error("connection lost"));
      this.waiting.clear();
      this.hooks.onDown(this.pauseMs);
      setTimeout(() => this.open(), this.pauseMs);
      this.pauseMs = Math.min(this.pauseMs * 2, 5000);
    };
  }

  isUp() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  receive(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message.method === "subscription") {
      this.hooks.onPush(message.params.channel, message.params.data);
    } else if (message.method === "heartbeat" && message.params.type === "test_request") {
      this.call("public/test").catch(() => {});
    } else if (this.waiting.has(message.id)) {
      const { resolve, reject } = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      if (message.error) reject(Object.assign(new Error(message.error.message), { code: message.error.code }));
      else resolve(message.result);
    }
  }

  call(method, params = {}) {
    return new Promise((resolve, reject) => {
      if (!this.isUp()) {
        reject(new Error("not connected"));
        return;
      }
      const id = this.nextId++;
      this.waiting.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  // Make `wanted` the set of channels, sending only the difference.
  follow(wanted) {
    const added = [...wanted].filter((c) => !this.channels.has(c));
    const dropped = [...this.channels].filter((c) => !wanted.has(c));
    this.channels = new Set(wanted);
    this.send("public/unsubscribe", dropped);
    this.send("public/subscribe", added);
  }

  send(method, channels) {
    for (let at = 0; at < channels.length; at += 200) {
      this.call(method, { channels: channels.slice(at, at + 200) }).catch(() => {});
    }
  }
}

// --- numbers -----------------------------------------------------------------------------------------

const NONE = "–";
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const plain = (value, digits) => {
  if (!isNumber(value)) return NONE;
  const text = value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return /^-[0.]+$/.test(text) ? text.slice(1) : text;
};
const price = (value) => plain(value, Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
const indexPrice = (value) => plain(value, value >= 10000 ? 1 : 2);
const percent = (value) => (isNumber(value) && value > 0 ? plain(value, 1) : NONE);
const amount = (value) =>
  isNumber(value) ? value.toLocaleString("en-US", { maximumFractionDigits: 4 }) : NONE;
const small = (value) => (isNumber(value) ? Number(value.toPrecision(3)).toString() : NONE);
const micros = (value) => {
  if (!isNumber(value)) return NONE;
  return value >= 10000 ? `${plain(value / 1000, 1)} ms` : `${plain(value, 0)} µs`;
};
const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const day = (ms) => {
  const date = new Date(ms);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${String(date.getUTCFullYear()).slice(2)}`;
};
const span = (seconds) => {
  if (!isNumber(seconds)) return NONE;
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
};

// --- state -------------------------------------------------------------------------------------------

const state = {
  instruments: new Map(),   // name -> instrument
  underlyings: [],          // names, in order
  underlying: "",
  expiry: 0,
  tickers: new Map(),       // name -> last ticker
  index: new Map(),         // index name -> price
  summaryIv: new Map(),     // `${underlying}:${expiry}` -> IV at the money
  cells: new Map(),         // name -> {bid, ask, mark, iv, …} of the rows shown
  picked: "",
  trades: [],
  batches: new Map(),       // id -> batch
  dirty: new Set(),         // names whose ticker changed since the last drawing
  redrawSide: false,
  redrawTrades: false,
};

const $ = (id) => document.getElementById(id);
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

// Columns of the call side from the outside in; the put side mirrors them.
const COLUMNS = [
  ["theta", "Θ", (t) => plain(t.greeks?.theta, 1), "Theta: value lost over one day"],
  ["vega", "Vega", (t) => plain(t.greeks?.vega, 1), "Vega: value per volatility point"],
  ["gamma", "Γ ·10⁴", (t) => (isNumber(t.greeks?.gamma) ? plain(t.greeks.gamma * 1e4, 3) : NONE), "Gamma times 10,000"],
  ["delta", "Δ", (t) => plain(t.greeks?.delta, 2), "Delta"],
  ["iv", "IV", (t) => percent(t.mark_iv), "Mark volatility, percent"],
  ["bid", "Bid", (t) => price(t.best_bid_price || null), "Best bid, USDC"],
  ["mark", "Mark", (t) => price(t.mark_price), "Mark price, USDC"],
  ["ask", "Ask", (t) => price(t.best_ask_price || null), "Best ask, USDC"],
];
const GREEKS = new Set(["theta", "vega", "gamma", "delta"]);

// --- chain -------------------------------------------------------------------------------------------

function optionsShown() {
  return [...state.instruments.values()].filter(
    (i) => i.kind === "option" && i.base_currency === state.underlying && i.expiration_timestamp === state.expiry
  );
}

function perpetualShown() {
  for (const i of state.instruments.values()) {
    if (i.settlement_period === "perpetual" && i.base_currency === state.underlying) return i;
  }
  return null;
}

function expiriesOf(underlying) {
  const found = new Set();
  for (const i of state.instruments.values()) {
    if (i.kind === "option" && i.base_currency === underlying) found.add(i.expiration_timestamp);
  }
  return [...found].sort((a, b) => a - b);
}

function drawColumns() {
  const row = $("columns");
  const width = ([key]) => make("col", ["bid", "mark", "ask"].includes(key) ? "wide" : "narrow");
  $("widths").append(...COLUMNS.map(width), make("col", "strike"), ...mirrored().map(width));
  for (const [key, title, , hint] of COLUMNS) row.append(headCell(`call ${key}`, title, hint));
  row.append(headCell("strike", "Strike", "Strike, USDC"));
  for (const [key, title, , hint] of mirrored()) row.append(headCell(`put ${key}`, title, hint));
}

function headCell(className, text, hint) {
  const cell = make("th", className, text);
  cell.title = hint;
  cell.scope = "col";
  return cell;
}

function mirrored() {
  const prices = COLUMNS.slice(5);
  return [...prices, ...COLUMNS.slice(0, 5).reverse()];
}

function drawChain() {
  const byStrike = new Map();
  for (const option of optionsShown()) {
    if (!byStrike.has(option.strike)) byStrike.set(option.strike, {});
    byStrike.get(option.strike)[option.option_type] = option;
  }
  state.cells.clear();
  const rows = [...byStrike.keys()].sort((a, b) => a - b).map((strike) => chainRow(strike, byStrike.get(strike)));
  $("rows").replaceChildren(...rows);
  $("empty").hidden = rows.length > 0;
  for (const name of state.cells.keys()) state.dirty.add(name);
  drawPicked();
  schedule();
}

function chainRow(strike, pair) {
  const row = make("tr");
  row.dataset.strike = strike;
  sideCells(row, pair.call, COLUMNS, "call");
  row.append(make("td", "strike", strike.toLocaleString("en-US")));
  sideCells(row, pair.put, mirrored(), "put");
  return row;
}

function sideCells(row, option, columns, side) {
  const cells = {};
  for (const [key] of columns) {
    const cell = make("td", `${side} ${key}${GREEKS.has(key) ? " greek" : ""}`, NONE);
    if (option) cell.dataset.name = option.instrument_name;
    cells[key] = cell;
    row.append(cell);
  }
  if (option) state.cells.set(option.instrument_name, { cells, option, last: {} });
}

function drawTicker(name) {
  const shown = state.cells.get(name);
  const ticker = state.tickers.get(name);
  if (!shown || !ticker) return;
  const { cells, option, last } = shown;
  for (const [key, , format] of COLUMNS) setText(cells[key], format(ticker));
  flash(cells.bid, last.bid, ticker.best_bid_price);
  flash(cells.ask, last.ask, ticker.best_ask_price);
  shown.last = { bid: ticker.best_bid_price, ask: ticker.best_ask_price };
  cells.bid.classList.toggle("none", !ticker.best_bid_price);
  cells.ask.classList.toggle("none", !ticker.best_ask_price);
  cells.bid.title = `${amount(ticker.best_bid_amount)} bid at ${percent(ticker.bid_iv)} %`;
  cells.ask.title = `${amount(ticker.best_ask_amount)} offered at ${percent(ticker.ask_iv)} %`;
  const forward = ticker.underlying_price;
  const inTheMoney = option.option_type === "call" ? option.strike < forward : option.strike > forward;
  for (const cell of Object.values(cells)) cell.classList.toggle("itm", inTheMoney);
}

function flash(cell, before, now) {
  if (!isNumber(before) || !isNumber(now) || before === now) return;
  const name = now > before ? "rise" : "fall";
  cell.classList.remove("rise", "fall");
  void cell.offsetWidth; // restarts the animation
  cell.classList.add(name);
}

function drawForward() {
  let forward = null;
  for (const name of state.cells.keys()) {
    forward = state.tickers.get(name)?.underlying_price ?? forward;
    if (forward !== null) break;
  }
  setText($("forward"), isNumber(forward) ? `F ${price(forward)}` : "");
  $("forward").title = "Forward of this expiry";
  const rows = [...$("rows").children];
  const below = rows.filter((row) => Number(row.dataset.strike) <= forward).pop();
  for (const row of rows) row.classList.toggle("above", isNumber(forward) && row === below);
}

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
  const wanted = new Set(["trades.any.USDC.100ms"]);
  for (const underlying of state.underlyings) wanted.add(`deribit_price_index.${indexName(underlying)}`);
  for (const option of optionsShown()) wanted.add(`ticker.${option.instrument_name}.100ms`);
  const perpetual = perpetualShown();
  if (perpetual) wanted.add(`ticker.${perpetual.instrument_name}.100ms`);
  venue.follow(wanted);
}

// --- side --------------------------------------------------------------------------------------------

function pairs(list, entries) {
  if (list.children.length !== entries.length * 2) {
    list.replaceChildren(...entries.flatMap(([title]) => [make("dt", "", title), make("dd")]));
  }
  entries.forEach(([title, value], at) => {
    setText(list.children[2 * at], title);
    setText(list.children[2 * at + 1], value);
  });
}

function drawPerpetual() {
  const perpetual = perpetualShown();
  const ticker = perpetual && state.tickers.get(perpetual.instrument_name);
  setText($("perp-name"), perpetual ? perpetual.instrument_name : "Perpetual");
  if (!ticker) return;
  pairs($("perp"), [
    ["Bid", price2(ticker.best_bid_price)], ["Ask", price2(ticker.best_ask_price)],
    ["Mark", price2(ticker.mark_price)], ["Index", price2(ticker.index_price)],
    ["Last", price2(ticker.last_price)], ["Open", amount(ticker.open_interest)],
  ]);
}
const price2 = (value) => plain(value || null, 1);

function drawPicked() {
  const ticker = state.tickers.get(state.picked);
  setText($("pick-name"), state.picked || "Option");
  $("pick-hint").hidden = Boolean(state.picked);
  $("pick").hidden = !ticker;
  $("pick-close").hidden = !state.picked;
  $("pick-card").classList.toggle("chosen", Boolean(state.picked));
  for (const [name, { cells }] of state.cells) {
    for (const cell of Object.values(cells)) cell.classList.toggle("picked", name === state.picked);
  }
  if (!ticker) return;
  const greeks = ticker.greeks ?? {};
  pairs($("pick"), [
    ["Bid", price(ticker.best_bid_price || null)], ["Ask", price(ticker.best_ask_price || null)],
    ["Size", amount(ticker.best_bid_amount)], ["Size", amount(ticker.best_ask_amount)],
    ["Bid IV", percent(ticker.bid_iv)], ["Ask IV", percent(ticker.ask_iv)],
    ["Mark", price(ticker.mark_price)], ["Mark IV", percent(ticker.mark_iv)],
    ["Delta", small(greeks.delta)], ["Gamma", small(greeks.gamma)],
    ["Vega", small(greeks.vega)], ["Theta", small(greeks.theta)],
    ["Rho", small(greeks.rho)], ["Forward", price(ticker.underlying_price)],
    ["Last", price(ticker.last_price || null)], ["Open", amount(ticker.open_interest)],
    ["Lowest", price(ticker.min_price)], ["Highest", price(ticker.max_price)],
  ]);
}

function drawTrades() {
  $("no-trades").hidden = state.trades.length > 0;
  $("trades").replaceChildren(
    ...state.trades.map((trade) => {
      const row = make("tr");
      const name = make("td", "name", trade.instrument_name.replace("_USDC", ""));
      name.title = `${trade.instrument_name}, trade ${trade.trade_id}`;
      row.append(
        name,
        make("td", trade.direction === "buy" ? "buy" : "sell", price(trade.price)),
        make("td", "", amount(trade.amount)),
        make("td", "when", clock(trade.timestamp))
      );
      return row;
    })
  );
}

function addTrades(trades) {
  const known = new Set(state.trades.map((trade) => trade.trade_id));
  const fresh = trades.filter((trade) => !known.has(trade.trade_id));
  if (!fresh.length) return;
  state.trades = [...state.trades, ...fresh]
    .sort((a, b) => b.timestamp - a.timestamp || b.trade_id - a.trade_id)
    .slice(0, 10);
  state.redrawTrades = true;
  schedule();
}

function drawStatus(status) {
  setText($("f-orders"), plain(status.orders_per_s, 0));
  setText($("f-fills"), plain(status.fills, 0));
  setText($("f-p50"), micros(status.ack_us_p50));
  setText($("f-p99"), micros(status.ack_us_p99));
  setText($("f-oi"), amount(status.open_interest));
  setText($("f-seq"), plain(status.seq, 0));
  setText($("f-mode"), String(status.mode ?? NONE).replaceAll("_", "-"));
  setText($("f-up"), span(status.uptime_s));
  addBatches(status.batches ?? (status.last_batch ? [status.last_batch] : []));
}

function addBatches(batches) {
  for (const batch of batches) {
    if (batch && batch.id !== undefined && batch.id !== null) state.batches.set(batch.id, batch);
  }
  const newest = [...state.batches.values()].sort((a, b) => b.id - a.id).slice(0, 6);
  state.batches = new Map(newest.map((batch) => [batch.id, batch]));
  $("no-batches").hidden = newest.length > 0;
  $("batches").replaceChildren(
    ...newest.map((batch) => {
      const row = make("tr");
      const root = make("td");
      const digest = String(batch.root ?? "");
      const code = make("code", "", digest.length > 14 ? `${digest.slice(0, 8)}…${digest.slice(-4)}` : digest);
      code.title = digest;
      root.append(code);
      const word = String(batch.state ?? "");
      const known = ["soft", "posted", "confirmed"].includes(word) ? word : "";
      row.append(
        make("td", "", `#${batch.id}`), root,
        make("td", "when", `to ${plain(batch.seq, 0)}`), make("td", `state ${known}`, word)
      );
      return row;
    })
  );
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
  for (const load of [loadInstruments, loadSummaries, loadLastTrades, loadStatus]) {
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
repeat(5000, loadSummaries);
repeat(60000, loadInstruments);
