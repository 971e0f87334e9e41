"use strict";
// The side: perpetual, chosen option, last trades; and the venue's own figures.

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
}
