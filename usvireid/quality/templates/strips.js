// What the other scripts share. Text always enters the page as text, never as markup.
const DATA = JSON.parse(document.getElementById("data").textContent);

function element(tag, attributes, children) {
  const made = document.createElement(tag);
  for (const name of Object.keys(attributes || {})) made.setAttribute(name, attributes[name]);
  for (const child of children || []) made.append(child);
  return made;
}

function picture(row, modality) {
  const path = DATA.paths[row];
  return element("img", { src: DATA.prefix + DATA.pictures[row], alt: modality + " crop " + path, title: path });
}

// One side of a pseudo-identity: how many crops, of which clusters, and a strip of them or some of their names.
function sideOf(modality, crops, clusters, rows) {
  const words = modality + ", " + crops + (crops === 1 ? " crop" : " crops");
  const from = clusters ? (clusters.includes(",") ? ", clusters " : ", cluster ") + clusters : "";
  const swatch = element("span", { class: "swatch " + modality });
  const side = element("div", { class: "side" }, [element("p", { class: "caption" }, [swatch, words + from])]);
  const withPictures = rows.filter((row) => row in DATA.pictures);
  if (withPictures.length) {
    const items = withPictures.map((row) => element("li", {}, [picture(row, modality)]));
    side.append(element("ul", { class: "strip" }, items));
  } else if (rows.length) {
    const more = crops > rows.length ? " and " + (crops - rows.length) + " more" : "";
    side.append(element("p", { class: "path" }, [rows.map((row) => DATA.paths[row]).join(", ") + more]));
  }
  return side;
}
