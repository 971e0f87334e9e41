"use strict";
// One WebSocket to the venue that comes back by itself: requests by id, and a set of channels to follow.

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
