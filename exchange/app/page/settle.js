"use strict";
// Settlement: its batches with bytes and gas a fill, how far each state has come, and what authorised the fills.

const STATES = ["built", "posted", "confirmed", "final"];
const CLASSES = {
  signed_order: "signed", grant: "grant", api_key: "API key",
  liquidation: "liquidation", expiry: "expiry", block: "block",
};
const BATCHES_SHOWN = 6;

function short(text) {
  const digest = String(text ?? "");
  const code = make("code", "", digest.length > 12 ? `${digest.slice(0, 6)}…${digest.slice(-4)}` : digest || NONE);
  code.title = digest;
  return code;
}

function addBatches(batches) {
  for (const batch of batches) {
    if (isNumber(batch?.id)) state.batches.set(batch.id, batch);
  }
  const newest = [...state.batches.values()].sort((a, b) => b.id - a.id).slice(0, BATCHES_SHOWN);
  state.batches = new Map(newest.map((batch) => [batch.id, batch]));
  $("no-batches").hidden = newest.length > 0;
  $("batches-head").hidden = newest.length === 0;
  $("batches").replaceChildren(...newest.flatMap(batchRows));
}

// Two rows a batch: what it holds, and below it where it is.
function batchRows(batch) {
  const word = String(batch.state ?? "");
  const first = make("tr");
  first.title = `commands ${batch.first_seq} to ${batch.last_seq}, ${batch.steps} steps, ${batch.bytes} bytes, `
    + `closed ${clock(batch.timestamp)} UTC`;
  first.append(
    make("td", "", `#${batch.id}`), make("td", "", plain(batch.fills, 0)),
    make("td", "", plain(batch.bytes_per_fill, 2)),
    make("td", "", plain(batch.gas_per_fill, 1)), make("td", "", plain(batch.blob_gas_per_fill, 1)),
    make("td", `state ${STATES.includes(word) ? word : ""}`, word)
  );
  const second = make("tr", "where");
  const where = make("td");
  where.colSpan = 6;
  where.append(batch.layer ?? "", " root ", short(batch.root));
  if (batch.l1_tx) where.append(` block ${plain(batch.l1_block, 0)} `, short(batch.l1_tx));
  second.append(where);
  return [first, second];
}

function drawProgress(progress) {
  const { posted, confirmed, final } = progress.batch;
  pairs($("settled"), [
    ["Posted", posted ? `#${posted}` : NONE], ["Confirmed", confirmed ? `#${confirmed}` : NONE],
    ["Final", final ? `#${final}` : NONE], ["Waiting", plain(progress.waiting_batches, 0)],
  ]);
  setText($("settle-alarm"), progress.alarm ?? "");
  $("settle-alarm").hidden = !progress.alarm;
  addBatches(progress.batches);
}

function drawHead(block) {
  const { number, last_seq: seq } = block;
  setText($("head"), `signed head ${plain(number, 0)}: everything up to command ${plain(seq, 0)}`);
  $("head").title = `head ${block.head}, signature ${block.signature}`;
}

function drawAuthorisation(told) {
  const shown = told.classes.filter((each) => each.total.fills > 0);
  $("no-fills").hidden = shown.length > 0;
  $("classes").replaceChildren(
    ...shown.map((each) => {
      const row = make("tr");
      row.append(
        make("td", "", CLASSES[each.name] ?? each.name),
        make("td", "", `${plain(each.minute.fills, 0)}/min`),
        make("td", "", plain(each.total.fills, 0)),
        make("td", "when", `${plain(each.total.volume, 0)} USDC`)
      );
      return row;
    })
  );
}

const loadBatches = async () =>
  drawProgress(await venue.call("public/strikebook_get_batches", { count: BATCHES_SHOWN }));
