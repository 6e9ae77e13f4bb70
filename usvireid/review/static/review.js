// The page of a review. What is shown comes from the server; what is answered is on its disk before it is shown as saved.

const $ = (id) => document.getElementById(id);
const buttons = [...document.querySelectorAll("[data-action]")];
const keys = new Map(buttons.map((button) => [button.dataset.key, button.dataset.action]));

let state = null; // as /state has it
let task = null; // the question in sight, as /task/N has it
let held = -1; // the question that waits to be merged
let busy = false;

// ---------------------------------------------------------------- talking to the server

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options) {
  const response = await fetch(path, options); // a TypeError where nobody answers
  const content = await response.json().catch(() => { throw new TypeError("the answer was cut off"); });
  if (!response.ok) throw new Refused(response.status, content.error);
  return content;
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

function post(deed) {
  return ask("answer", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Review-Token": state.token },
    body: JSON.stringify(deed),
  });
}

// Sends an answer until it is certain whether it has been taken; returns what the server says.
async function deliver(action, rest) {
  const deed = { ...rest, action, after: state.last, digest: state.digest };
  for (let waited = false; ; ) {
    try {
      return await post(deed);
    } catch (problem) {
      if (problem instanceof Refused && problem.status !== 403) throw problem;
      if (problem instanceof TypeError) {
        notice(`This answer is not saved yet. ${AWAY}`);
        waited = true;
      }
      const now = await read("state");
      if (now.digest !== deed.digest) {
        throw new Refused(409, "The questions have changed; your answer was not taken. Look again.");
      }
      if (now.last !== deed.after) {
        const own = waited && now.last === deed.after + 1;
        throw new Refused(409, own
          ? `Answer ${now.last} was saved just before the server stopped; it stands in the list of last answers.`
          : "Another page has answered in the meantime; your answer was not taken. Look again.");
      }
      if (!waited && problem.status === 403 && now.token === state.token) throw problem;
      state = now;
    }
  }
}

const AWAY = "The server does not answer. Start usvireid review again and leave this page open: it goes on by itself.";

// Reads, however long the server is away; a server with other questions needs another page.
async function read(path) {
  for (let waited = false; ; waited = true) {
    try {
      if (waited && path !== "state") {
        const now = await ask("state");
        if (state && now.digest !== state.digest) location.reload();
        state = now;
      }
      const content = await ask(path);
      if (waited) notice("");
      return content;
    } catch (problem) {
      if (problem instanceof Refused) throw problem;
      if (!waited && $("notice").hidden) notice(AWAY);
      await pause(700);
    }
  }
}

// ---------------------------------------------------------------- what is shown

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

const crops = () => [...document.querySelectorAll(".crop")];
const picked = () => crops().filter((crop) => crop.getAttribute("aria-pressed") === "true");
const isDone = (number) => state.done.includes(number);
const counted = (count) => (count === 1 ? "1 crop" : `${count} crops`);

function element(tag, content, attributes = {}) {
  const made = document.createElement(tag);
  made.append(...[content].flat());
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function showState() {
  const open = state.tasks - state.done.length;
  $("progress").textContent = `${state.answers} ${state.answers === 1 ? "answer" : "answers"}, ${open} of ${state.tasks} open`;
  $("recent").replaceChildren(...state.recent.map(listed));
  $("newer").hidden = state.current;
  showActions();
}

function listed(answer) {
  const undo = element("button", "undo", { type: "button", "aria-label": `undo answer ${answer.number}, ${answer.text}` });
  undo.addEventListener("click", () => busy || alone(() => act("undo", { undoes: answer.number })));
  return element("li", [element("span", `${answer.number}. ${answer.text}`), undo]);
}

function showTask() {
  const two = task.sides.length === 2;
  $("card").hidden = false;
  const chance = task.chance === null ? "" : `, the labels are wrong here with a chance of ${Math.round(100 * task.chance)} %`;
  $("place").textContent = `Question ${task.task + 1} of ${state.tasks}${chance}${isDone(task.task) ? ", answered" : ""}`;
  $("ask").textContent = two
    ? task.kind === "link" ? "Is this the same person in both?" : "Is this the same person, in two groups?"
    : "Is this one person?";
  $("reason").textContent = task.reason;
  $("sides").replaceChildren(...task.sides.map(side));
  $("path").textContent = "";
  $("about").hidden = !task.said.length;
  $("about-list").replaceChildren(...task.said.map(listed));
  const first = crops()[0];
  if (first) first.tabIndex = 0;
  label("confirm", (two ? "Same person" : "One person") + unseen());
  label("reject", two ? "Two people" : "A mixture");
  showState();
}

// What an answer speaks of that is not in sight.
function unseen() {
  const count = task ? task.sides.reduce((sum, each) => sum + each.count, 0) : 0;
  return count > crops().length ? `, of all ${count}` : "";
}

function side(content, number) {
  const shown = content.crops.length;
  const some = shown < content.count ? `, ${shown} of them shown` : "";
  const title = `${content.modality}, ${counted(content.count)}${some}`;
  const strip = element("div", content.crops.map((crop, place) => cropButton(crop, place, shown)), { class: "strip" });
  const heading = element("h3", title, { id: `side${number}` });
  return element("div", [heading, strip], {
    class: `side ${content.modality}`, role: "group", "aria-labelledby": `side${number}`,
  });
}

function cropButton(crop, place, count) {
  const picture = element("img", [], { src: `picture/${crop.row}`, alt: "", loading: "lazy", width: 82, height: 164 });
  picture.addEventListener("error", () => picture.replaceWith(element("span", "no picture", { class: "gone" })));
  const button = element("button", [picture, element("span", crop.where || crop.path.split("/").pop(), { class: "where" }),
    element("span", crop.junk ? "junk" : "", { class: "mark" })], {
    type: "button", class: "crop", tabindex: "-1", title: crop.path, "data-row": crop.row,
    "aria-pressed": "false", "aria-disabled": String(crop.junk),
    "aria-label": `crop ${place + 1} of ${count}, ${crop.facts}${crop.junk ? ", junk" : ""}`,
  });
  button.addEventListener("click", () => pick(button));
  button.addEventListener("focus", () => {
    for (const other of crops()) other.tabIndex = other === button ? 0 : -1;
    $("path").textContent = crop.path;
  });
  button.addEventListener("pointerenter", () => { $("path").textContent = crop.path; });
  if (crop.picked && !crop.junk) setPicked(button, true);
  return button;
}

function setPicked(crop, on) {
  crop.setAttribute("aria-pressed", String(on));
  crop.querySelector(".mark").textContent = on ? "picked" : "";
}

function pick(crop) {
  if (crop.getAttribute("aria-disabled") === "true") return;
  setPicked(crop, crop.getAttribute("aria-pressed") !== "true");
  showActions();
}

const buttonOf = (action) => buttons.find((button) => button.dataset.action === action);
const label = (action, text) => { buttonOf(action).querySelector("span").textContent = text; };

function showActions() {
  const count = picked().length;
  const usable = {
    split: count > 0, junk: count > 0, undo: state.recent.length > 0, merge: held < 0 || !task || held !== task.task,
    all: Boolean(task) && task.sides.some((each) => each.crops.length < each.count),
  };
  for (const button of buttons) {
    const off = busy || !task || usable[button.dataset.action] === false;
    button.setAttribute("aria-disabled", String(off));
  }
  label("split", count ? `Split off ${count} picked${unseen()}` : "Split off picked");
  label("junk", count ? `${count} picked: junk` : "Picked are junk");
  const elsewhere = held >= 0 && task && held !== task.task;
  label("merge", elsewhere ? "Merge with held" : held >= 0 ? "Held" : "Hold to merge");
  $("held").hidden = held < 0;
  $("held").textContent = held < 0 ? "" : `Held: question ${held + 1}. Go to its other half and press m there; esc lets go.`;
}

async function go(number, focus = true) {
  if (!state.tasks) {
    $("empty").hidden = false;
    return;
  }
  task = await read(`task/${(number + state.tasks) % state.tasks}`);
  history.replaceState(null, "", `#q${task.task + 1}`);
  showTask();
  if (focus) $("ask").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function nextOpen(from) {
  for (let step = 1; step <= state.tasks; step++) {
    const number = (from + step) % state.tasks;
    if (!isDone(number)) return number;
  }
  return from;
}

// ---------------------------------------------------------------- what a person does

async function act(action, rest) {
  showActions();
  try {
    const given = await deliver(action, rest);
    state = { ...state, ...given.state };
    notice("");
    if (action === "merge") held = -1;
    if (action === "undo") await go(given.task >= 0 ? given.task : task.task);
    else await go(isDone(task.task) ? nextOpen(task.task) : task.task);
    $("saved").textContent = `Saved as answer ${given.number}: ${given.text}.`;
  } catch (problem) {
    $("saved").textContent = "";
    await refresh(problem);
  }
}

// After an answer that was not taken: what is in sight becomes what is true now.
async function refresh(problem) {
  if (!(problem instanceof Refused)) throw problem;
  if (problem.status === 409 || problem.status === 403) {
    const before = state.digest;
    state = await read("state");
    if (state.digest !== before) held = -1;
    await go(state.digest === before && task ? task.task : 0);
  }
  notice(problem.message);
}

const rows = () => picked().map((crop) => Number(crop.dataset.row));

const deeds = {
  confirm: () => act("confirm", { task: task.task }),
  reject: () => act("reject", { task: task.task }),
  split: () => act("split", { task: task.task, picked: rows() }),
  junk: () => act("junk", { task: task.task, picked: rows() }),
  undo: () => act("undo", { undoes: state.recent[0].number }),
  merge: () => {
    if (held >= 0) return act("merge", { task: task.task, partner: held });
    held = task.task;
    return showActions();
  },
  next: () => go(task.task + 1),
  previous: () => go(task.task - 1),
  open: () => go(nextOpen(task.task)),
  invert: () => {
    for (const crop of crops()) pick(crop);
  },
  all: async () => {
    const marked = new Set(rows());
    task = await read(`task/${task.task}?whole`);
    showTask();
    for (const crop of crops()) setPicked(crop, marked.has(Number(crop.dataset.row)));
    showActions();
  },
};

// One thing at a time: a key pressed while the next question is on its way would answer one that nobody has seen.
async function perform(action) {
  if (busy || buttonOf(action).getAttribute("aria-disabled") === "true") return;
  await alone(deeds[action]);
}

async function alone(deed) {
  busy = true;
  try {
    await deed();
  } catch (problem) {
    notice(problem.status === 404 ? "This address holds no longer; open the one that the terminal shows." : problem.message);
  } finally {
    busy = false;
    if (state && task) showActions();
  }
}

function move(key) {
  const all = crops();
  const place = all.indexOf(document.activeElement);
  if (!all.length) return;
  if (place < 0) {
    (all.find((crop) => crop.tabIndex === 0) ?? all[0]).focus();
    return;
  }
  const target = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: all.length - 1 }[key] ?? vertical(all, place, key);
  all[Math.max(0, Math.min(all.length - 1, target))].focus();
}

// The crop nearest to straight above or below.
function vertical(all, place, key) {
  const boxes = all.map((crop) => crop.getBoundingClientRect());
  const own = boxes[place];
  const beyond = boxes.map((box, at) => ({ at, box })).filter(({ box }) =>
    key === "ArrowDown" ? box.top > own.top + 10 : box.top < own.top - 10);
  const far = ({ box }) => Math.abs(box.top - own.top) * 10 + Math.abs(box.left - own.left);
  return beyond.reduce((best, each) => (best && far(best) <= far(each) ? best : each), null)?.at ?? place;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const arrows = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key);
  const onCrop = document.activeElement?.classList.contains("crop");
  if (arrows || (onCrop && ["Home", "End"].includes(event.key))) {
    event.preventDefault();
    move(event.key);
  } else if (event.key === "Escape") {
    for (const crop of picked()) setPicked(crop, false);
    held = -1;
    if (task) showActions();
  } else if ($("use-keys").checked && !event.repeat) {
    if (event.key === "?") $("help").showModal();
    else if (keys.has(event.key)) perform(keys.get(event.key));
    else return;
    event.preventDefault();
  }
});

for (const button of buttons) button.addEventListener("click", () => perform(button.dataset.action));
$("open-help").addEventListener("click", () => $("help").showModal());
$("use-keys").addEventListener("change", (event) => localStorage.setItem("single-keys", event.target.checked ? "on" : "off"));
$("use-keys").checked = localStorage.getItem("single-keys") !== "off";

await alone(async () => {
  state = await read("state");
  showState();
  const wanted = Number(/^#q(\d+)$/.exec(location.hash)?.[1] ?? 0) - 1;
  await go(wanted >= 0 && wanted < state.tasks ? wanted : state.tasks ? nextOpen(state.tasks - 1) : 0, false);
});
