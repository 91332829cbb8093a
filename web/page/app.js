// The page: a name, a conversation, its history, what is said from now on.
// What is typed while the server is away goes out when it is back; its tempId
// makes sure that it is said once.

import { Connection, Lost, Refused } from "./connection.js";

const el = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);

const me = { id: "", name: "" };
let connection = null;
let room = null; // {id, lastSeq, lastRev, firstSeq, joined}
const outbox = new Map(); // tempId -> {text, item}, in the order of typing
const typists = new Map(); // userId -> {name, timer}

el("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(el("name").value.trim());
});

el("join").addEventListener("submit", (event) => {
  event.preventDefault();
  join(el("conversation").value.trim());
});

el("send").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = el("message").value;
  if (!text.trim() || !room) return;
  el("message").value = "";
  sayTyping(false);
  const tempId = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  const item = show({ tempId, senderId: me.id, senderName: me.name, content: text }, "pending");
  outbox.set(tempId, { text, item });
  post(tempId);
});

let typingSince = 0;
el("message").addEventListener("input", () => sayTyping(el("message").value !== ""));

function sayTyping(isTyping) {
  if (!room || (isTyping && Date.now() - typingSince < 3000) || (!isTyping && typingSince === 0)) return;
  typingSince = isTyping ? Date.now() : 0;
  connection?.notify("typing", { conversationId: room.id, isTyping });
}

el("older").addEventListener("click", () => older().catch(report));

async function older() {
  const current = room;
  const { messages, hasMore } = await connection.request("get_history", { conversationId: current.id, beforeSeq: current.firstSeq, limit: 50 });
  if (room !== current) return;
  const list = el("messages");
  const height = list.scrollHeight;
  for (const message of messages.reverse()) {
    list.prepend(render(message));
    room.firstSeq = message.seq;
  }
  list.scrollTop += list.scrollHeight - height;
  el("older").hidden = !hasMore;
}

function enter(name) {
  if (!name || connection) return;
  me.id = me.name = name;
  el("enter").hidden = true;
  el("join").hidden = false;
  state("connecting");
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  connection = new Connection(`${scheme}//${location.host}/ws`, {
    up: async () => {
      try {
        await connection.request("identify", { userId: me.id, username: me.name });
        state(`connected as ${me.name}`);
        problem("");
      } catch (err) {
        report(err);
        if (err instanceof Refused && !err.retryable) leave(); // the connection gives up
        throw err;
      }
      if (room) subscribe().catch(report);
      for (const tempId of [...outbox.keys()]) post(tempId);
    },
    down: () => state("connection lost, trying again"),
    event: receive,
  });
  el("conversation").focus();
}

// leave goes back to the question for a name.
function leave() {
  connection = null;
  el("enter").hidden = false;
  el("join").hidden = true;
  state("not connected");
  el("name").focus();
}

async function join(id) {
  if (!id || room?.id === id) return;
  if (outbox.size > 0) {
    problem("Wait until all is sent.");
    return;
  }
  if (room) connection.notify("leave_conversation", { conversationId: room.id });
  room = { id, lastSeq: 0, lastRev: 0, firstSeq: 0, joined: false };
  el("messages").replaceChildren();
  el("title").textContent = id;
  el("room").hidden = false;
  try {
    await subscribe();
    el("message").focus();
  } catch (err) {
    report(err);
  }
}

// subscribe joins, with the newest page of history the first time and with
// what was missed after that.
async function subscribe() {
  const current = room;
  const conversationId = current.id;
  if (!current.joined) {
    const reply = await connection.request("join_conversation", { conversationId });
    if (room !== current) return;
    const page = await connection.request("get_history", { conversationId, limit: 50 });
    if (room !== current) return;
    current.firstSeq = page.messages[0]?.seq ?? 0;
    el("older").hidden = !page.hasMore;
    const live = [...el("messages").children];
    for (const message of page.messages) {
      if (!find(message)) el("messages").append(render(message));
    }
    el("messages").append(...live); // what came in between stands last
    current.lastSeq = Math.max(current.lastSeq, reply.lastSeq);
    current.lastRev = reply.lastRev;
    current.joined = true;
    scrollDown();
    return;
  }
  for (let more = true; more; ) {
    const reply = await connection.request("join_conversation", {
      conversationId, afterSeq: current.lastSeq, afterRev: current.lastRev,
    });
    if (room !== current) return;
    for (const message of reply.missed ?? []) show(message);
    for (const message of reply.changed ?? []) change(message);
    current.lastRev = Math.max(current.lastRev, reply.lastRev);
    more = reply.hasMore && reply.missed?.length > 0;
  }
}

async function post(tempId) {
  const { text, item } = outbox.get(tempId) ?? {};
  if (!item) return;
  try {
    const ack = await connection.request("send_message", { conversationId: room.id, content: text, tempId });
    outbox.delete(tempId);
    item.classList.remove("pending");
    item.dataset.id = ack.messageId;
  } catch (err) {
    if (err instanceof Lost) return; // goes out again after the reconnect
    if (err instanceof Refused && err.retryable) {
      setTimeout(() => outbox.has(tempId) && post(tempId), 1000);
      return;
    }
    outbox.delete(tempId);
    item.classList.replace("pending", "failed");
    report(err);
  }
}

function receive(event, data) {
  switch (event) {
    case "new_message":
      if (data.conversationId === room?.id) show(data);
      break;
    case "message_updated":
    case "message_deleted":
      if (data.conversationId === room?.id) change(data);
      break;
    case "typing":
      if (data.conversationId === room?.id) typing(data);
      break;
    case "session_revoked":
    case "error":
      problem(data.message ?? data.reason ?? event);
      break;
  }
}

function show(message, className = "") {
  if (message.seq) room.lastSeq = Math.max(room.lastSeq, message.seq);
  if (message.senderId) typing({ userId: message.senderId, isTyping: false });
  const known = find(message);
  if (known) {
    known.classList.remove("pending");
    return render(message, known);
  }
  const list = el("messages");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const item = render(message);
  if (className) item.classList.add(className);
  list.append(item);
  if (atEnd || message.senderId === me.id) scrollDown();
  return item;
}

function change(message) {
  room.lastRev = Math.max(room.lastRev, message.rev ?? 0);
  const item = find(message);
  if (!item) return;
  if (message.deletedAt || message.deletedBy) {
    item.querySelector(".text").textContent = "";
    item.querySelector(".note").textContent = " deleted";
  } else {
    render(message, item);
  }
}

function find({ id, messageId, tempId, senderId }) {
  for (const item of el("messages").children) {
    if (item.dataset.id && item.dataset.id === (id ?? messageId)) return item;
    if (tempId && item.dataset.tempId === tempId && item.dataset.sender === senderId) return item;
  }
  return null;
}

// render fills a list item with a message; text only, never markup.
function render(message, item = document.createElement("li")) {
  item.dataset.id = message.id ?? "";
  item.dataset.tempId = message.tempId ?? "";
  item.dataset.sender = message.senderId;
  item.classList.toggle("mine", message.senderId === me.id);
  const who = document.createElement("span");
  who.className = "who";
  who.textContent = `${message.senderName || message.senderId}: `;
  const text = document.createElement("span");
  text.className = "text";
  text.textContent = message.content;
  const note = document.createElement("span");
  note.className = "note";
  if (message.deletedAt) note.textContent = "deleted";
  else if (message.editedAt) note.textContent = " edited";
  item.replaceChildren(who, text, note);
  if (message.createdAt) item.title = new Date(message.createdAt).toLocaleString();
  return item;
}

function typing({ userId, username, isTyping }) {
  clearTimeout(typists.get(userId)?.timer);
  typists.delete(userId);
  if (isTyping && userId !== me.id) {
    typists.set(userId, { name: username || userId, timer: setTimeout(() => typing({ userId, isTyping: false }), 7000) });
  }
  const names = [...typists.values()].map((t) => t.name);
  el("typing").textContent = names.length === 0 ? "" : `${names.slice(0, 3).join(", ")} ${names.length === 1 ? "is" : "are"} typing`;
}

function scrollDown() {
  el("messages").scrollTop = el("messages").scrollHeight;
}

function state(text) {
  el("state").textContent = text;
}

function problem(text) {
  el("problem").textContent = text;
  el("problem").hidden = text === "";
}

function report(err) {
  if (err instanceof Lost) return;
  problem(err instanceof Refused && err.code === "unauthorized"
    ? "This server asks for a token, which this page does not have."
    : err.message);
}

const user = query.get("user");
if (user) {
  enter(user);
  const conversation = query.get("conversation");
  if (conversation) {
    el("conversation").value = conversation;
    join(conversation);
  }
}
