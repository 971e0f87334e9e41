"use strict";
// What the page knows, and the two ways it touches the document: text and new elements.

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
  ["gamma", "Γ ·10⁴", (t) => (isNumber(t.greeks?.gamma) ? plain(t.greeks.gamma * 1e4, 2) : NONE), "Gamma times 10,000"],
  ["delta", "Δ", (t) => plain(t.greeks?.delta, 2), "Delta"],
  ["iv", "IV", (t) => percent(t.mark_iv), "Mark volatility, percent"],
  ["bid", "Bid", (t) => price(t.best_bid_price || null), "Best bid, USDC"],
  ["mark", "Mark", (t) => price(t.mark_price), "Mark price, USDC"],
  ["ask", "Ask", (t) => price(t.best_ask_price || null), "Best ask, USDC"],
];
const GREEKS = new Set(["theta", "vega", "gamma", "delta"]);
