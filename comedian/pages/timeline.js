// The timeline of one match: lanes of scores, spots and labels, the video beside them, and their correction.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const $$ = (id) => document.getElementById(id);
const LANE = 26, ROWS = 400, NEAR = 9, STEP = 0.2, LEAST = 7;
const SIGNS = {  // colours of Okabe and Ito, told apart also by shape
  "spot": ["#0072b2", "disc"], "accepted": ["#009e73", "disc"], "added": ["#009e73", "diamond"],
  "label": ["#7a5195", "triangle"], "hit": ["#009e73", "disc"], "miss": ["#cc79a7", "triangle"],
  "false alarm": ["#d55e00", "cross"], "wrong class": ["#b8860b", "square"],
  "wrong place": ["#b8860b", "diamond"], "duplicate": ["#56b4e9", "cross"],
};

// --- what there is: items = {half, seconds, label, confidence, state, kept, image} -------------------------
function pictured(picture) {
  if (!picture) return null;
  const image = new Image();
  image.src = `data:image/jpeg;base64,${picture}`;
  image.alt = "";  // the row's button says the same in words
  return image;
}

let items = data.items.map(([half, seconds, label, confidence, state, kept, picture]) =>
  ({ half, seconds, label: data.classes[label], confidence, state, kept, image: pictured(picture) }));
let chosen = null, unsaved = false;
const undone = [];
const offsets = [];
let total = 0;
for (const half of data.halves) { offsets.push(total); total += half.length + 4; }

const place = (item) => offsets[item.half] + item.seconds;
const pad = (number) => String(number).padStart(2, "0");
const clock = (seconds) => `${pad(Math.floor(seconds / 60))}:${pad(Math.floor(seconds % 60))}`;
const scores = data.halves.map((half) =>
  half.scores ? Uint8Array.from(atob(half.scores), (letter) => letter.charCodeAt(0)) : null);

function shown() {
  const label = $$("class").value, state = $$("state").value, least = Number($$("least").value);
  return items.filter((item) => (!label || item.label === label) && (!state || item.state === state)
    && (item.confidence === null || item.confidence >= least || item.state === "miss"));
}

// --- drawing -----------------------------------------------------------------------------------------------
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function sign(context, x, y, state, size, hollow) {
  const [colour, shape] = SIGNS[state] || SIGNS.spot;
  context.fillStyle = context.strokeStyle = colour;
  context.lineWidth = 2;
  context.beginPath();
  if (shape === "disc") context.arc(x, y, size, 0, 7);
  else if (shape === "square") context.rect(x - size, y - size, 2 * size, 2 * size);
  else if (shape === "cross") {
    context.moveTo(x - size, y - size); context.lineTo(x + size, y + size);
    context.moveTo(x + size, y - size); context.lineTo(x - size, y + size);
  } else {
    context.moveTo(x, y - size - 1); context.lineTo(x + size + 1, y + (shape === "diamond" ? 0 : size));
    if (shape === "diamond") context.lineTo(x, y + size + 1);
    context.lineTo(x - size - 1, y + (shape === "diamond" ? 0 : size)); context.closePath();
  }
  hollow || shape === "cross" ? context.stroke() : context.fill();
}

function sized(canvas, width, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 32000 / width);
  canvas.width = width * ratio; canvas.height = height * ratio;
  canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.font = "12px system-ui, sans-serif";
  return context;
}

const lanes = () => ($$("class").value ? [$$("class").value] : data.classes);
let scale = 1;

function draw() {
  const names = lanes(), height = LANE * names.length + 22;
  const left = sized($$("names"), 150, height);
  left.fillStyle = css("--text");
  names.forEach((name, lane) => left.fillText(name, 8, lane * LANE + 38, 136));
  const width = Math.max(300, $$("scroll").clientWidth * Number($$("zoom").value));
  scale = width / total;
  const context = sized($$("canvas"), width, height);
  context.drawImage(ground(names, width, height), 0, 0, width, height);
  for (const item of shown()) {
    const lane = names.indexOf(item.label);
    if (lane < 0 || item.state === "deleted") continue;
    const size = item.confidence === null ? 5 : 2 + 3 * item.confidence;
    const y = lane * LANE + 34, x = place(item) * scale;
    sign(context, x, y, item.state, size, item.state === "miss");
    if (item === chosen) {
      context.strokeStyle = css("--text"); context.lineWidth = 1.5;
      context.beginPath(); context.arc(x, y, 9, 0, 7); context.stroke();
    }
  }
  const now = timeOfVideo();
  if (now) {
    context.fillStyle = css("--accent");
    context.fillRect((offsets[now.half] + now.seconds) * scale - 1, 0, 2, height);
  }
}

let under = { key: "", canvas: null };

function ground(names, width, height) {  // clocks and scores, drawn once and not at each tick of the video
  const key = [width, height, window.devicePixelRatio, css("--line"), ...names].join("\n");
  if (under.key !== key) {
    under = { key, canvas: document.createElement("canvas") };
    const context = sized(under.canvas, width, height);
    data.halves.forEach((half, number) => drawHalf(context, half, number, names, height));
  }
  return under.canvas;
}

function drawHalf(context, half, number, names, height) {
  const start = offsets[number] * scale, rows = scores[number];
  context.fillStyle = css("--line");
  context.fillRect(start, 20, half.length * scale, 1);
  const wish = [60, 300, 600, 900].find((seconds) => seconds * scale > 48) || 900;
  for (let seconds = 0; seconds < half.length; seconds += wish) {
    context.fillStyle = css("--line");
    context.fillRect(start + seconds * scale, 14, 1, height);
    context.fillStyle = css("--quiet");
    const told = `${seconds ? "" : `${half.number}·`}${clock(seconds)}`, room = context.measureText(told).width + 6;
    if (!seconds || (half.length - seconds) * scale > room) context.fillText(told, start + seconds * scale + 3, 13);
  }
  if (!rows) return;
  const count = rows.length / data.classes.length, wide = Math.max(half.step * scale, 1);
  context.fillStyle = css("--accent");
  context.globalAlpha = 0.35;
  names.forEach((name, lane) => {
    const column = data.classes.indexOf(name), floor = (lane + 1) * LANE + 20;
    const most = new Uint8Array(Math.ceil(count * half.step * scale) + 1);  // of each pixel
    for (let row = 0; row < count; row += 1) {
      const x = Math.floor(row * half.step * scale), score = rows[row * data.classes.length + column];
      if (score > most[x]) most[x] = score;
    }
    most.forEach((score, x) => {
      if (score > LEAST) context.fillRect(start + x, floor, wide, -score / 255 * (LANE - 4));
    });
  });
  context.globalAlpha = 1;
}

const withImages = items.some((item) => item.image);
$$("picture").hidden = !withImages;

function fill() {
  const all = shown().sort((one, other) => place(one) - place(other));
  const least = all.length > ROWS ? all.map((item) => item.confidence ?? 1).sort((a, b) => b - a)[ROWS - 1] : -1;
  const some = all.filter((item) => (item.confidence ?? 1) >= least).slice(0, ROWS);
  $$("caption").textContent = some.length < all.length
    ? `The ${some.length} surest of ${all.length}; raise the confidence or choose a class for others.`
    : `${all.length} ${all.length === 1 ? "moment" : "moments"}`;
  const body = $$("rows"), focused = body.contains(document.activeElement);
  body.textContent = "";
  for (const item of some) {
    const row = body.insertRow();
    row.item = item;
    row.className = item.state === "deleted" ? "gone" : "";
    row.ariaCurrent = String(item === chosen);
    row.insertCell().textContent = data.halves[item.half].number;
    const button = document.createElement("button");
    button.textContent = clock(item.seconds);
    button.setAttribute("aria-label", `Go to ${clock(item.seconds)}, ${item.label}`);
    button.onclick = () => choose(item, true);
    row.insertCell().append(button);
    if (focused && item === chosen) button.focus({ preventScroll: true });
    row.insertCell().textContent = item.label;
    row.insertCell().textContent = item.confidence === null ? "" : item.confidence.toFixed(2);
    row.insertCell().textContent = item.state;
    if (withImages) row.insertCell().append(item.image || "");
  }
}

function renew() {
  fill(); draw();
  const kept = items.filter((item) => item.kept).length;
  $$("summary").textContent = `${data.about} · ${kept} kept as labels`;
  $$("undo").disabled = !undone.length;
  $$("chosen").textContent = chosen ? `${clock(chosen.seconds)} ${chosen.label}, ${chosen.state}` : "";
  if (chosen) $$("relabel").value = chosen.label;
}

// --- the video ---------------------------------------------------------------------------------------------
const video = $$("video");
let playing = -1, cursor = null;  // which half; where it was last gone to

function load(half) {
  const source = data.halves[half].src;
  if (!source || (playing >= 0 && data.halves[playing].src === source)) { playing = half; return; }
  playing = half;
  video.src = source.split("/").map(encodeURIComponent).join("/");
}

function timeOfVideo() {
  if (playing < 0 || !data.halves[playing].src) return cursor;
  const at = video.currentTime;
  const same = data.halves.map((half, number) => number)
    .filter((number) => data.halves[number].src === data.halves[playing].src);
  const half = same.filter((number) => data.halves[number].start <= at + 0.001).pop() ?? playing;
  return { half, seconds: Math.max(at - data.halves[half].start, 0) };
}

function seek(half, seconds) {
  load(half);
  cursor = { half, seconds };
  const to = data.halves[half].start + seconds;
  if (video.readyState) video.currentTime = to;
  else video.addEventListener("loadedmetadata", () => { video.currentTime = to; }, { once: true });
}

video.addEventListener("error", () => {
  const name = data.halves[Math.max(playing, 0)].src;
  $$("hint").hidden = false;
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`, copy = quoted(`${name}.mp4`);
  $$("hint").textContent = `This browser does not play ${name}. A copy that it plays: `
    + `ffmpeg -i ${quoted(name)} -c:v libx264 -c:a aac ${copy}, then draw-timeline --video ${copy}.`;
});
for (const name of ["timeupdate", "seeked", "loadedmetadata"]) video.addEventListener(name, draw);

// --- choosing and correcting -------------------------------------------------------------------------------
function choose(item, go) {
  chosen = item;
  if (go) seek(item.half, Math.max(item.seconds - 2, 0));
  renew();
  const row = [...$$("rows").rows].find((one) => one.item === item);
  if (row) row.scrollIntoView({ block: "nearest" });
}

function change(edit) {
  undone.push({ items, item: chosen, before: { ...chosen } });
  unsaved = true;
  edit();
  renew();
}

function step(by) {
  const rows = [...$$("rows").rows].map((row) => row.item);
  if (!rows.length) return;
  const at = rows.indexOf(chosen);
  choose(rows[Math.min(Math.max(at < 0 ? 0 : at + by, 0), rows.length - 1)], true);
}

function move(seconds) {
  if (!chosen) return;
  const end = data.halves[chosen.half].length;
  change(() => { chosen.seconds = Math.min(Math.max(chosen.seconds + seconds, 0), end); });
}

const actions = {
  accept: () => chosen && change(() => { chosen.kept = true; chosen.state = "accepted"; }),
  remove: () => chosen && change(() => { chosen.kept = false; chosen.state = "deleted"; }),
  earlier: () => move(-STEP),
  later: () => move(STEP),
  here: () => {
    const now = timeOfVideo();
    if (chosen && now) change(() => Object.assign(chosen, now, { image: null }));
  },
  add: () => {
    const now = timeOfVideo() || { half: 0, seconds: 0 };
    const label = $$("relabel").value;
    change(() => {
      chosen = { ...now, label, confidence: null, state: "added", kept: true, image: null };
      items = [...items, chosen];
    });
  },
  undo: () => {
    const last = undone.pop();
    if (!last) return;
    ({ items, item: chosen } = last);
    if (chosen) Object.assign(chosen, last.before);
    renew();
  },
};
for (const name of Object.keys(actions)) $$(name).onclick = actions[name];
$$("relabel").onchange = () => chosen && change(() => { chosen.label = $$("relabel").value; });

const KEYS = { a: "accept", d: "remove", "[": "earlier", "]": "later", h: "here", n: "add", u: "undo" };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /SELECT|INPUT/.test(event.target.tagName)) return;
  if ([video, $$("scroll")].includes(event.target) && event.key.startsWith("Arrow")) return;
  if (event.key === "ArrowDown" || event.key === "ArrowRight") step(1);
  else if (event.key === "ArrowUp" || event.key === "ArrowLeft") step(-1);
  else if (KEYS[event.key]) actions[KEYS[event.key]]();
  else return;
  event.preventDefault();
});

function pointed(event) {
  const box = $$("canvas").getBoundingClientRect();
  const x = event.clientX - box.left, name = lanes()[Math.floor((event.clientY - box.top - 20) / LANE)];
  const far = (item) => Math.abs(place(item) * scale - x);
  const near = shown().filter((item) => item.label === name && item.state !== "deleted" && far(item) < NEAR)
    .sort((one, other) => far(one) - far(other))[0];
  return { x, near };
}

$$("canvas").addEventListener("mousemove", (event) => {
  const { near } = pointed(event), tip = $$("tip");
  tip.hidden = !near;
  if (!near) return;
  const sure = near.confidence === null ? "" : ` ${near.confidence.toFixed(2)}`;
  tip.replaceChildren(near.image ? near.image.cloneNode() : "", `${clock(near.seconds)} ${near.label}${sure}`);
  tip.style.left = `${Math.min(event.clientX + 12, window.innerWidth - tip.offsetWidth - 4)}px`;
  tip.style.top = `${Math.min(event.clientY + 12, window.innerHeight - tip.offsetHeight - 4)}px`;
});
$$("canvas").addEventListener("mouseleave", () => { $$("tip").hidden = true; });

$$("canvas").addEventListener("click", (event) => {
  const { x, near } = pointed(event);
  if (near) { choose(near, true); return; }
  const at = x / scale, half = offsets.filter((offset) => offset <= at).length - 1;
  seek(half, Math.min(at - offsets[half], data.halves[half].length));
  draw();
});

// --- the corrected labels ----------------------------------------------------------------------------------
const corrected = () => items.filter((item) => item.kept).sort((one, other) => place(one) - place(other));

function own() {
  return corrected().map((item) => ({
    video: data.halves[item.half].video, half: data.halves[item.half].number,
    position_ms: Math.round(1000 * item.seconds), label: item.label }));
}

function soccernet() {
  const annotations = corrected().map((item) => ({
    gameTime: `${data.halves[item.half].number} - ${clock(item.seconds)}`, label: item.label,
    position: String(Math.round(1000 * item.seconds)), team: "not applicable", visibility: "visible" }));
  return { UrlLocal: data.game, annotations };
}

function download(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1)], { type: "application/json" }));
  link.download = name;
  link.click();
  unsaved = false;
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
$$("own").onclick = () => download(own(), `${data.name}.json`);
$$("soccernet").onclick = () => download(soccernet(), "Labels-v2.json");

// --- begin -------------------------------------------------------------------------------------------------
for (const name of data.classes) {
  $$("class").add(new Option(name));
  $$("relabel").add(new Option(name));
}
const states = [...new Set(items.map((item) => item.state))];
for (const state of [...states, "accepted", "added"]) {
  if (![...$$("state").options].some((option) => option.value === state)) $$("state").add(new Option(state));
}
for (const state of [...states, "accepted"]) {
  const entry = document.createElement("li"), canvas = document.createElement("canvas");
  sign(sized(canvas, 16, 16), 8, 8, state, 5, state === "miss");
  entry.append(canvas, state);
  $$("legend").append(entry);
}
$$("least").oninput = () => { $$("leastShown").value = Number($$("least").value).toFixed(2); renew(); };
for (const id of ["class", "state", "zoom"]) $$(id).oninput = renew;
window.addEventListener("resize", draw);
window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
if (data.halves.length && data.halves[0].src) load(0);
if (!data.halves.some((half) => half.src)) {
  video.hidden = true;
  $$("hint").hidden = false;
  $$("hint").textContent = "No video was found where the spots name it; draw-timeline --video FILE shows one.";
}
renew();
