"use strict";
// The option chain of one expiry: calls left, strikes, puts right.

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
