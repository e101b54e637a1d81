"use strict";
(() => {
  const STRIP = 16;
  const REACH = 12; // pixels between the pointer and the point that it means
  const KINDS = ["pca", "tsne"];
  const names = new Intl.NumberFormat("en");

  const decoded = (text) => {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
  };
  const floats = (text) => new Float32Array(decoded(text).buffer);
  const every = (values, step, from) => {
    const found = new Float32Array(values.length / step);
    for (let i = 0; i < found.length; i++) found[i] = values[i * step + from];
    return found;
  };

  function readData(slug) {
    const data = JSON.parse(document.getElementById(`explorer-data-${slug}`).textContent);
    data.labels = decoded(data.labels);
    data.present = data.present && decoded(data.present);
    data.indices = new Uint32Array(decoded(data.indices).buffer);
    for (const space of data.spaces) {
      for (const kind of KINDS) {
        const both = floats(space[kind]);
        space[kind] = { x: every(both, 2, 0), y: every(both, 2, 1) };
      }
      space.answers = space.answers && decoded(space.answers);
      if (space.highest) {
        space.highest.findings = decoded(space.highest.findings);
        space.highest.scores = new Uint16Array(decoded(space.highest.scores).buffer);
      }
      space.scores = space.scores && new Uint16Array(decoded(space.scores).buffer);
    }
    return data;
  }

  function loadBokeh() {
    if (window.Bokeh) return;
    const script = document.createElement("script");
    script.textContent = document.getElementById("explorer-bokeh").textContent;
    document.head.append(script);
    Bokeh.set_log_level("error");
  }

  /** WebGL without a graphics card is slower than drawing without WebGL. */
  function accelerated() {
    const context = document.createElement("canvas").getContext("webgl");
    const info = context?.getExtension("WEBGL_debug_renderer_info");
    const renderer = info ? context.getParameter(info.UNMASKED_RENDERER_WEBGL) : "";
    context?.getExtension("WEBGL_lose_context")?.loseContext();
    return Boolean(context) && !/swiftshader|llvmpipe|software|basic render/i.test(renderer);
  }

  /** A function that draws the tile of a point on a canvas, once the picture of all is decoded. */
  function tiles(images, ready) {
    if (!images) return () => {};
    const { columns, tile: [width, height] } = images;
    const picture = new Image();
    const address = URL.createObjectURL(new Blob([decoded(images.webp)], { type: "image/webp" }));
    picture.decoding = "async";
    picture.onload = () => ready();
    picture.src = address;
    return (canvas, point) => {
      canvas.width = width;
      canvas.height = height;
      canvas.dataset.point = point;
      if (!picture.complete) return;
      const x = (point % columns) * width;
      const y = Math.floor(point / columns) * height;
      canvas.getContext("2d").drawImage(picture, x, y, width, height, 0, 0, width, height);
    };
  }

  function bounds(values) {
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const pad = 0.04 * (high - low) || 1;
    return [low - pad, high + pad];
  }

  async function build(root) {
    loadBokeh();
    const data = readData(root.dataset.explorer);
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    const control = (name) => root.querySelector(`[data-control="${name}"]`);
    const selects = [...root.querySelectorAll('[data-control="space"]')];
    const spaceOf = (row) => data.spaces[Number(selects[row].value)];
    const chosen = (name) => root.querySelector(`input[name="${root.id}-${name}"]:checked`).value;
    let visible = [];
    let shown = null;
    let circled = null;

    const draw = tiles(data.images, () => {
      for (const canvas of root.querySelectorAll("canvas[data-point]")) {
        draw(canvas, Number(canvas.dataset.point));
      }
    });
    part("no-images").hidden = Boolean(data.images);

    // Scores come in ten-thousandths.
    // Of more than two classes the score is that of the class answered.
    const predicted = (space, i) =>
      space.answers ? space.answers[i] : space.scores[i] > 5000 ? 1 : 0;
    const isRight = (space, i) => predicted(space, i) === data.labels[i];
    const confidence = (space, i) =>
      space.answers ? space.scores[i] : Math.max(space.scores[i], 10000 - space.scores[i]);
    const scored = (space, i) => data.classes[space.answers ? predicted(space, i) : 1];
    const outcome = (space, i) => {
      if (isRight(space, i)) return "right";
      if (space.answers) return `wrong: predicted “${data.classes[predicted(space, i)]}”`;
      return predicted(space, i) ? "wrong, a false positive" : "wrong, a false negative";
    };
    const scoreWords = (space, i) => (space.scores[i] / 10000).toFixed(3);

    const source = new Bokeh.ColumnDataSource({ data: { label: data.labels } });
    const filter = new Bokeh.IndexFilter({ indices: [] });
    const view = new Bokeh.CDSView({ filter });
    const inks = new Bokeh.LinearColorMapper({ palette: data.colours || ["#000000", "#ffffff"], low: 0, high: data.classes.length - 1 });
    const size = data.n > 8000 ? 3.5 : data.n > 2000 ? 4.5 : 6;
    const plots = [...root.querySelectorAll("[data-plot]")].map((place) => {
      const row = Number(place.dataset.row);
      const kind = place.dataset.plot;
      return { place, row, kind, x: `${kind}x${row}`, y: `${kind}y${row}` };
    });

    function columns() {
      const found = { label: data.labels };
      for (const plot of plots) {
        const points = spaceOf(plot.row)[plot.kind];
        found[plot.x] = points.x;
        found[plot.y] = points.y;
      }
      return found;
    }
    source.data = columns();

    for (const plot of plots) {
      const tools = {
        box: new Bokeh.BoxSelectTool({ persistent: false }),
        lasso: new Bokeh.LassoSelectTool({ continuous: false, persistent: false }),
        pan: new Bokeh.PanTool(),
      };
      const tap = new Bokeh.TapTool();
      const wheel = new Bokeh.WheelZoomTool({ modifiers: { ctrl: true } });
      const figure = Bokeh.Plotting.figure({
        tools: [...Object.values(tools), tap, wheel],
        toolbar_location: null,
        output_backend: accelerated() ? "webgl" : "canvas",
        sizing_mode: "stretch_both",
        min_border: 4,
        x_range: new Bokeh.Range1d(),
        y_range: new Bokeh.Range1d(),
        background_fill_color: null,
        border_fill_color: null,
      });
      figure.scatter({ field: plot.x }, { field: plot.y }, {
        source,
        view,
        size,
        fill_color: { field: "label", transform: inks },
        line_color: null,
        fill_alpha: 0.75,
        selection_fill_alpha: 1,
        nonselection_fill_alpha: 0.07,
      });
      if (plot.kind === "tsne") {
        figure.below[0].visible = false;
        figure.left[0].visible = false;
      }
      figure.on_event("mousemove", (event) => point(plot, event));
      figure.on_event("mouseleave", () => hideTip());
      figure.on_event("tap", (event) => point(plot, event));
      Object.assign(plot, { figure, tools, wheel });
    }

    function rename() {
      for (const { figure, kind, row, place } of plots) {
        const space = spaceOf(row);
        place.setAttribute("aria-label", `${kind === "pca" ? "PCA" : "t-SNE"}: ${space.title}`);
        if (kind === "pca") {
          figure.below[0].axis_label = space.axes[0];
          figure.left[0].axis_label = space.axes[1];
        }
      }
    }

    function showEverything() {
      for (const { figure, row, kind } of plots) {
        const points = spaceOf(row)[kind];
        [[figure.x_range, points.x], [figure.y_range, points.y]].forEach(([range, values]) => {
          const [start, end] = bounds(values);
          range.setv({ start, end });
        });
      }
    }

    function zoom(factor) {
      for (const { figure } of plots) {
        for (const range of [figure.x_range, figure.y_range]) {
          const middle = (range.start + range.end) / 2;
          const half = ((range.end - range.start) / 2) * factor;
          range.setv({ start: middle - half, end: middle + half });
        }
      }
    }

    /** The theme is the page's: its inks are read from the explorer's own computed style. */
    function paint() {
      const style = getComputedStyle(root);
      const ink = style.color;
      const line = style.borderTopColor;
      inks.palette = data.colours || ["--class-0", "--class-1"].map((name) => style.getPropertyValue(name).trim());
      for (const { figure } of plots) {
        figure.outline_line_color = line;
        for (const axis of [figure.below[0], figure.left[0]]) {
          axis.setv({
            axis_label_text_color: ink,
            axis_label_text_font_style: "normal",
            axis_label_text_font_size: "12px",
            major_label_text_color: ink,
            axis_line_color: line,
            major_tick_line_color: line,
            minor_tick_line_color: null,
          });
        }
        for (const grid of figure.center) {
          if (grid.grid_line_color !== undefined) grid.grid_line_color = null;
        }
      }
    }

    function passes() {
      const space = spaceOf(0);
      const label = chosen("label");
      const error = space.scores ? control("error").value : "all";
      const low = Number(control("low").value) * 100;
      const high = Number(control("high").value) * 100;
      return (i) => {
        if (label !== "all" && data.labels[i] !== Number(label)) return false;
        if (!space.scores) return true;
        if (confidence(space, i) < low || confidence(space, i) > high) return false;
        if (error === "all") return true;
        const right = isRight(space, i);
        if (error === "right") return right;
        if (error === "wrong") return !right;
        return !right && predicted(space, i) === (error === "fp" ? 1 : 0);
      };
    }

    function applyFilters() {
      const wanted = passes();
      visible = [];
      for (let i = 0; i < data.n; i++) if (wanted(i)) visible.push(i);
      filter.indices = visible;
      const marked = [...source.selected.indices];
      const kept = marked.filter(wanted);
      if (kept.length < marked.length) source.selected.indices = kept;
      part("count").textContent = `${names.format(visible.length)} of ${names.format(data.n)} images`;
      hideTip();
    }

    // Where an image may have several findings: a bit for each, in bytes that begin anew with it.
    const found = (i) => {
      const bytes = data.present.length / data.n;
      return data.findings.filter((_, f) => data.present[i * bytes + (f >> 3)] & (128 >> (f & 7)));
    };
    const highest = (space, i) => {
      const { findings, scores } = space.highest;
      const each = findings.length / data.n;
      const words = [];
      for (let k = i * each; k < (i + 1) * each; k++) {
        words.push(`${data.findings[findings[k]]} ${(scores[k] / 10000).toFixed(3)}`);
      }
      return words.join(", ");
    };

    const sentence = (space, i) => {
      if (data.findings) {
        const lines = [`Test image ${data.indices[i]}`, `findings: ${found(i).join(", ") || "none"}`];
        return space.highest ? [...lines, `highest scores: ${highest(space, i)}`] : lines;
      }
      const lines = [`Test image ${data.indices[i]}`, `label: ${data.classes[data.labels[i]]}`];
      if (space.scores) {
        lines.push(`score of “${scored(space, i)}”: ${scoreWords(space, i)}`, outcome(space, i));
      }
      return lines;
    };

    function point(plot, event) {
      const points = spaceOf(plot.row)[plot.kind];
      const { x_range, y_range, inner_width, inner_height } = plot.figure;
      const scaleX = inner_width / (x_range.end - x_range.start);
      const scaleY = inner_height / (y_range.end - y_range.start);
      let nearest = null;
      let least = REACH ** 2;
      for (const i of visible) {
        const dx = (points.x[i] - event.x) * scaleX;
        const dy = (points.y[i] - event.y) * scaleY;
        const distance = dx * dx + dy * dy;
        if (distance <= least) [least, nearest] = [distance, i];
      }
      if (nearest === null) hideTip();
      else showTip(plot, event, nearest);
    }

    function showTip(plot, event, i) {
      const tip = part("tip");
      if (i !== shown || Number(tip.dataset.row) !== plot.row) {
        tip.dataset.point = i;
        tip.dataset.row = plot.row;
        tip.querySelector("p").textContent = sentence(spaceOf(plot.row), i).join("\n");
        const canvas = tip.querySelector("canvas");
        canvas.hidden = !data.images;
        draw(canvas, i);
        encircle(i);
      }
      shown = i;
      tip.hidden = false;
      const frame = root.getBoundingClientRect();
      const place = plot.place.getBoundingClientRect();
      const x = place.left - frame.left + event.sx;
      const left = x + 16 + tip.offsetWidth > frame.width ? x - 16 - tip.offsetWidth : x + 16;
      tip.style.left = `${Math.max(0, Math.min(left, frame.width - tip.offsetWidth))}px`;
      tip.style.top = `${place.top - frame.top + event.sy + 12}px`;
    }

    function hideTip() {
      if (shown === null) return;
      shown = null;
      part("tip").hidden = true;
      const marked = source.selected.indices;
      encircle(marked.length === 1 ? marked[0] : null);
    }

    /** Rings are elements over the plots: to draw one, no plot has to draw its points again. */
    function encircle(i) {
      circled = i;
      for (const { figure, row, kind, ring, frame } of plots.filter((plot) => plot.ring)) {
        ring.hidden = i === null;
        if (i === null) continue;
        const { x_range, y_range } = figure;
        const { left, top, width, height } = frame.bbox;
        const points = spaceOf(row)[kind];
        const across = (points.x[i] - x_range.start) / (x_range.end - x_range.start);
        const down = (y_range.end - points.y[i]) / (y_range.end - y_range.start);
        ring.hidden = across < 0 || across > 1 || down < 0 || down > 1;
        ring.style.left = `${left + across * width}px`;
        ring.style.top = `${top + down * height}px`;
      }
    }

    function strip(place, points) {
      const space = spaceOf(0);
      const items = points.map((i) => {
        const item = document.createElement("li");
        const button = document.createElement("button");
        const canvas = document.createElement("canvas");
        button.type = "button";
        button.dataset.point = i;
        button.setAttribute("aria-pressed", "false");
        button.setAttribute("aria-label", sentence(space, i).join(", "));
        button.title = sentence(space, i).join("\n");
        canvas.hidden = !data.images;
        draw(canvas, i);
        const words = space.scores ? `${scoreWords(space, i)}` : `${data.indices[i]}`;
        button.append(canvas, words);
        button.addEventListener("click", () => {
          const marked = source.selected.indices;
          source.selected.indices = marked.length === 1 && marked[0] === i ? [] : [i];
        });
        item.append(button);
        return item;
      });
      place.replaceChildren(...items);
    }

    function showMistakes() {
      const space = spaceOf(0);
      part("no-scores").hidden = Boolean(space.scores || space.highest);
      part("mistakes").hidden = !space.scores;
      control("error").disabled = !space.scores;
      control("confidence").disabled = !space.scores;
      if (!space.scores) return;
      const wrong = [];
      for (let i = 0; i < data.n; i++) if (!isRight(space, i)) wrong.push(i);
      const count = names.format(wrong.length);
      wrong.sort((a, b) => confidence(space, b) - confidence(space, a) || a - b);
      part("mistakes-title").textContent = wrong.length
        ? `The most confident of ${count} errors (${space.title}), with the score of ${data.colours ? "the class predicted" : `“${data.classes[1]}”`}`
        : `No mistakes (${space.title})`;
      strip(part("mistakes-strip"), wrong.slice(0, STRIP));
      showPressed();
    }

    function showPressed() {
      const marked = new Set(source.selected.indices);
      for (const button of root.querySelectorAll(".explorer-strip button")) {
        button.setAttribute("aria-pressed", String(marked.has(Number(button.dataset.point))));
      }
    }

    function showSelected() {
      const marked = [...source.selected.indices];
      part("selected").hidden = !marked.length;
      if (marked.length) {
        const more = marked.length > STRIP ? `, the first ${STRIP} of them` : "";
        const plural = marked.length === 1 ? "image" : "images";
        part("selected-title").textContent = `${names.format(marked.length)} ${plural} marked${more}`;
        strip(part("selected-strip"), marked.slice(0, STRIP));
      } else {
        part("selected-strip").replaceChildren();
      }
      encircle(marked.length === 1 ? marked[0] : null);
      showPressed();
    }

    function changeSpace() {
      source.data = columns();
      rename();
      showEverything();
      showMistakes();
      applyFilters();
      showSelected();
    }

    function ringed(drawn, views) {
      const again = () => encircle(circled);
      for (const plot of drawn) {
        plot.frame = views.get(plot.figure).frame;
        plot.ring = document.createElement("i");
        plot.ring.className = "explorer-ring";
        plot.ring.hidden = true;
        plot.place.append(plot.ring);
        plot.figure.x_range.change.connect(again);
        plot.figure.y_range.change.connect(again);
        plot.figure.properties.inner_width.change.connect(() => requestAnimationFrame(again));
      }
    }

    /** With neither dragging nor the wheel to heed, Bokeh leaves a finger's swipe to the page. */
    function drag() {
      const name = chosen("drag");
      for (const { tools, wheel } of plots) {
        for (const [other, tool] of Object.entries(tools)) tool.active = other === name;
        wheel.active = name !== "scroll";
      }
    }

    source.selected.properties.indices.change.connect(showSelected);
    for (const select of selects) select.addEventListener("change", changeSpace);
    for (const input of root.querySelectorAll(`input[name="${root.id}-label"]`)) {
      input.addEventListener("change", applyFilters);
    }
    for (const input of root.querySelectorAll(`input[name="${root.id}-drag"]`)) {
      input.addEventListener("change", drag);
    }
    control("error").addEventListener("change", applyFilters);
    for (const name of ["low", "high"]) {
      control(name).addEventListener("input", () => {
        const other = control(name === "low" ? "high" : "low");
        const crossed = Number(control("low").value) > Number(control("high").value);
        if (crossed) other.value = control(name).value;
        for (const input of [control(name), other]) {
          input.nextElementSibling.textContent = (input.value / 100).toFixed(2);
        }
        applyFilters();
      });
    }
    control("in").addEventListener("click", () => zoom(0.7));
    control("out").addEventListener("click", () => zoom(1 / 0.7));
    control("reset").addEventListener("click", showEverything);
    control("clear").addEventListener("click", () => (source.selected.indices = []));

    if (matchMedia("(pointer: coarse)").matches) {
      part("scroll").hidden = false;
      part("scroll").querySelector("input").checked = true;
    }
    paint();
    rename();
    showEverything();
    applyFilters();
    showMistakes();
    const sheet = new Bokeh.Document();
    const add = (row) => {
      const added = plots.filter((plot) => plot.row === row);
      for (const { figure } of added) sheet.add_root(figure);
      return added;
    };
    const first = add(0);
    const places = plots.map(({ place }) => place);
    const views = await Bokeh.embed.add_document_standalone(sheet, places[0], places);
    ringed(first, views);
    root.explorer = { data, source, plots, shown: () => visible };
    drag();
    root.dataset.first = "";
    // The row to compare with is drawn once the first one can be seen.
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const second = add(1);
    while (second.some(({ figure }) => !views.get(figure))) {
      await new Promise((done) => setTimeout(done, 10));
    }
    ringed(second, views);
    drag();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
    new MutationObserver(paint).observe(document.documentElement, {
      attributes: true,
      attributeFilter: ["data-theme", "class"],
    });
    root.dataset.ready = "";
  }

  const near = new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter((found) => found.isIntersecting)) {
        near.unobserve(entry.target);
        build(entry.target);
      }
    },
    { rootMargin: "600px" },
  );
  for (const root of document.querySelectorAll("[data-explorer]")) {
    root.hidden = false;
    near.observe(root);
  }
})();
