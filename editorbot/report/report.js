"use strict";
// Plays the track, its joins and its clips, and shows in both waveforms where the sound is.
// Sound is embedded as MP3 in base64; it is decoded when it is first played.
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const player = document.getElementById("player");
  const says = document.getElementById("says");
  const trackWave = document.getElementById("track-wave");
  const heads = { raw: document.getElementById("raw-head"), track: document.getElementById("track-head") };
  const excerpt = new Audio(); // plays embedded joins of a track that is not embedded itself
  let playing = null; // { button, audio, until }: what a button has started

  function blobUrl(element) {
    const text = atob(element.textContent.trim());
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    element.textContent = ""; // the bytes are held once
    return URL.createObjectURL(new Blob([bytes], { type: "audio/mpeg" }));
  }

  const urls = new Map();
  function embedded(id) {
    const element = document.getElementById(id);
    if (element && !urls.has(id)) urls.set(id, blobUrl(element));
    return urls.get(id);
  }

  function clock(seconds) {
    const whole = Math.floor(seconds);
    const hours = Math.floor(whole / 3600);
    const minutes = Math.floor(whole / 60) % 60;
    const rest = String(whole % 60).padStart(2, "0");
    return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
  }

  function halt() {
    if (!playing) return;
    const { button, audio } = playing;
    playing = null;
    audio.pause();
    button.classList.remove("on");
  }

  // Sets the position as soon as the browser knows the sound's length, then plays.
  function playFrom(audio, seconds) {
    const start = () => {
      audio.currentTime = seconds;
      audio.play().catch(() => { says.textContent = "This browser did not start the sound; use the player."; });
    };
    if (audio.readyState >= 1) start();
    else {
      audio.addEventListener("loadedmetadata", start, { once: true });
      audio.load();
    }
  }

  function playButton(button) {
    const again = playing && playing.button === button;
    halt();
    if (again) return;
    const from = Number(button.dataset.from);
    const until = Number(button.dataset.to);
    const id = button.dataset.sound;
    const audio = id ? excerpt : player;
    const offset = id ? Number(document.getElementById(id).dataset.start) : 0;
    (id ? player : excerpt).pause();
    if (id) audio.src = embedded(id);
    playing = { button, audio, until: until - offset, offset };
    button.classList.add("on");
    playFrom(audio, Math.max(0, from - offset));
  }

  function seek(seconds) {
    halt();
    excerpt.pause();
    playFrom(player, Math.min(Math.max(seconds, 0), data.track_s));
  }

  function rawOf(seconds) {
    const clip = data.map.find(([from, to]) => from <= seconds && seconds < to);
    if (!clip) return null;
    const [from, to, begins, ends] = clip;
    return begins + ((seconds - from) / (to - from)) * (ends - begins);
  }

  function trackOf(seconds) {
    const clip = data.map.find(([, , a, b]) => Math.min(a, b) <= seconds && seconds < Math.max(a, b));
    if (!clip) return null;
    const [from, to, begins, ends] = clip;
    return from + ((seconds - begins) / (ends - begins)) * (to - from);
  }

  function place(head, share) {
    head.classList.toggle("shown", share !== null);
    if (share === null) return;
    for (const name of ["x1", "x2"]) head.setAttribute(name, `${(100 * share).toFixed(3)}%`);
  }

  function show() {
    const now = playing ? playing.audio.currentTime + playing.offset : player.currentTime;
    const raw = rawOf(now);
    place(heads.track, Math.min(now / data.track_s, 1));
    place(heads.raw, raw === null ? null : raw / data.raw_s);
    trackWave.setAttribute("aria-valuenow", now.toFixed(0));
    trackWave.setAttribute("aria-valuetext", clock(now));
    if (playing && playing.audio.currentTime >= playing.until) halt();
    if (!player.paused || !excerpt.paused) requestAnimationFrame(show);
  }

  function share(event, element) {
    const box = element.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  }

  trackWave.addEventListener("click", (event) => seek(share(event, trackWave) * data.track_s));
  trackWave.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -5, ArrowRight: 5, PageDown: -30, PageUp: 30 };
    if (event.key in steps) seek(player.currentTime + steps[event.key]);
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(data.track_s - 3);
    else if (event.key === " " || event.key === "Enter") {
      if (player.paused) seek(player.currentTime);
      else player.pause();
    } else return;
    event.preventDefault();
  });

  const rawWave = document.getElementById("raw");
  rawWave.addEventListener("click", (event) => {
    const at = share(event, rawWave) * data.raw_s;
    const there = trackOf(at);
    says.textContent = there === null
      ? `${clock(at)} of the recording was cut.`
      : `${clock(at)} of the recording is ${clock(there)} of the track.`;
    if (there !== null) seek(there);
  });

  for (const button of document.querySelectorAll("button.play")) {
    button.addEventListener("click", () => playButton(button));
  }
  for (const dot of document.querySelectorAll("#matrix circle")) {
    dot.addEventListener("click", () => {
      const row = document.getElementById(`join-${dot.dataset.join}`);
      if (row) row.querySelector("button.play").click();
    });
  }
  for (const audio of [player, excerpt]) {
    audio.addEventListener("play", () => requestAnimationFrame(show));
    audio.addEventListener("seeked", show);
    audio.addEventListener("ended", halt);
    audio.addEventListener("pause", () => { if (playing && playing.audio === audio && !audio.seeking) halt(); });
  }
  player.addEventListener("error", () => {
    says.textContent = "The track could not be played: it is not beside this page, or this browser does not know its format.";
  });
  window.addEventListener("timeupdate", show);

  const whole = embedded("sound-track");
  if (whole) player.src = whole;
})();
