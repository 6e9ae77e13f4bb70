// The map of the features: colours to choose, and the crop under the pointer or under the mark that arrow keys move.
(function () {
  const frame = document.getElementById("map-frame");
  if (!frame || !DATA.map) return;
  const REACH = 16;
  const TONES = 8;
  const points = Array.from(frame.querySelectorAll("svg use"));
  const places = points.map((point) => [Number(point.getAttribute("x")), Number(point.getAttribute("y"))]);
  const svg = frame.querySelector("svg");
  const shown = document.getElementById("map-crop");
  const legend = document.getElementById("map-legend");
  const modality = (i) => (DATA.map.infrared[i] ? "infrared" : "visible");
  const tone = (number) => (number < 0 ? "var(--quiet)" : "var(--tone" + (number % TONES) + ")");
  const colours = {
    modality: (i) => "var(--" + modality(i) + ")",
    camera: (i) => tone(DATA.map.camera[i]),
    identity: (i) => tone(DATA.map.identity[i]),
  };
  let marked = -1;

  function key(colour, words) {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = colour;
    return element("li", {}, [swatch, words]);
  }

  function colour(mode) {
    points.forEach((point, i) => (point.style.fill = colours[mode](i)));
    const keys = {
      modality: () => [key("var(--visible)", "visible, dots"), key("var(--infrared)", "infrared, triangles")],
      camera: () => DATA.map.cameras.map((name, number) => key(tone(number), name)),
      identity: () => [key("var(--quiet)", "in no pseudo-identity"), "Colours repeat; pointing at a crop rings its kin."],
    };
    const items = keys[mode]().map((one) => (typeof one === "string" ? element("li", {}, [one]) : one));
    legend.replaceChildren(...items);
  }

  function mark(i) {
    if (i === marked) return;
    marked = i;
    const own = i < 0 ? -1 : DATA.map.identity[i];
    points.forEach(function (point, j) {
      point.classList.toggle("kin", own >= 0 && DATA.map.identity[j] === own);
      point.classList.toggle("mark", j === i);
    });
    if (i < 0) return;
    const row = DATA.map.row[i];
    const camera = DATA.map.camera[i];
    const facts = [modality(i) + " crop"];
    if (camera >= 0) facts.push("camera " + DATA.map.cameras[camera]);
    facts.push(own < 0 ? "in no pseudo-identity" : "pseudo-identity " + own);
    const words = [element("p", {}, [facts.join(", ")]), element("p", { class: "path" }, [DATA.paths[row]])];
    shown.replaceChildren(...(row in DATA.pictures ? [picture(row, modality(i))] : []), ...words);
  }

  function distance(place, x, y) {
    return Math.hypot(place[0] - x, place[1] - y);
  }

  function nearest(x, y, fits) {
    let best = -1;
    places.forEach(function (place, i) {
      if (fits(place, i) && (best < 0 || distance(place, x, y) < distance(places[best], x, y))) best = i;
    });
    return best;
  }

  function point(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const i = nearest(at.x, at.y, (place) => distance(place, at.x, at.y) < REACH);
    if (i >= 0) mark(i);
  }

  // The nearest crop in a quarter of the plane, as an arrow key asks for.
  function step(right, down) {
    if (marked < 0) return mark(nearest(svg.viewBox.baseVal.width / 2, svg.viewBox.baseVal.height / 2, () => true));
    const [x, y] = places[marked];
    const i = nearest(x, y, function (place, j) {
      const along = (place[0] - x) * right + (place[1] - y) * down;
      const across = Math.abs((place[0] - x) * down) + Math.abs((place[1] - y) * right);
      return j !== marked && along > 0 && along >= across;
    });
    if (i >= 0) mark(i);
  }

  const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  frame.addEventListener("keydown", function (event) {
    if (!keys[event.key]) return;
    event.preventDefault();
    step(...keys[event.key]);
  });
  frame.addEventListener("focus", () => marked < 0 && step(0, 0));
  frame.addEventListener("pointermove", point);
  frame.addEventListener("pointerdown", point);
  const modes = document.getElementById("map-modes");
  modes.addEventListener("change", (event) => colour(event.target.value));
  modes.hidden = false;
  colour("modality");
})();
