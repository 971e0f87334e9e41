"use strict";
// How figures are written.

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
